-- renew: extend the lease of claimed partitions while their transaction runs.
-- uses: text, clock
--
-- Harmless when run twice: the lease ends one lease after the last run.
--
-- KEYS  1 due     sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held    hash         partition -> why it must not be claimed
-- also  <prefix>lock:<partition>   string, PX   the owner's token; the lease
-- ARGV  1 prefix   2 token   3 lease (ms)   then each partition
-- reply for each partition: 1 renewed, 0 lost (the token is no longer the lock's)
local due, held = KEYS[1], KEYS[2]
local prefix, token, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local lease_end = text(now_ms + lease)
local reply = {}
for i = 4, #ARGV do
  local partition = ARGV[i]
  local lock = prefix .. 'lock:' .. partition
  if redis.call('GET', lock) == token then
    redis.call('PEXPIRE', lock, lease)
    -- An operator may have claimed a held partition: it must not become due.
    if redis.call('HEXISTS', held, partition) == 0 then
      redis.call('ZADD', due, lease_end, partition)
    end
    reply[#reply + 1] = 1
  else
    reply[#reply + 1] = 0
  end
end
return reply
