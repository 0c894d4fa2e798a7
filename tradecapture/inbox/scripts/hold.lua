-- hold: keep partitions from being claimed. Trades are still accepted, and a claim that a worker
-- already has can be completed. A new hold replaces an existing one.
-- uses: bypass_maxmemory
--
-- Harmless when run twice: the second run changes only the reason.
--
-- KEYS  1 due   sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held  hash         partition -> why it must not be claimed
-- also  <prefix>lock:<partition>   string, PX   the owner's token; the lease
-- ARGV  1 prefix   2 why   then each partition
-- reply how many were not held before
local due, held = KEYS[1], KEYS[2]
local prefix, why = ARGV[1], ARGV[2]
bypass_maxmemory(due)
local added = 0
for i = 3, #ARGV do
  local partition = ARGV[i]
  added = added + redis.call('HSET', held, partition, why)
  -- A claimed partition keeps its score, so that the end of a dead worker's lease is noticed.
  if redis.call('EXISTS', prefix .. 'lock:' .. partition) == 0 then
    redis.call('ZREM', due, partition)
  end
end
return added
