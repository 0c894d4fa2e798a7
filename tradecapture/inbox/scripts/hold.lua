-- hold: keep partitions from being claimed; a claim in flight still settles. Accepting goes on.
-- A hold that stands already is replaced.
--
-- Harmless when run twice: the second run changes only the reason.
--
-- KEYS  1 due   sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held  hash         partition -> why it must not be claimed
-- also  <prefix>lock:<partition>   string, PX   the owner's token; the lease
-- ARGV  1 prefix   2 why   then each partition
-- reply how many were not held before
-- A full Redis refuses a script at its first write that may need memory, and none after a write that
-- cannot. This one cannot, so a full Redis can still be emptied ('' is no partition).
redis.call('ZREM', KEYS[1], '')
local added = 0
for i = 3, #ARGV do
  added = added + redis.call('HSET', KEYS[2], ARGV[i], ARGV[2])
  -- A claimed partition keeps its score, so that a dead worker's lease is still noticed.
  if redis.call('EXISTS', ARGV[1] .. 'lock:' .. ARGV[i]) == 0 then
    redis.call('ZREM', KEYS[1], ARGV[i])
  end
end
return added
