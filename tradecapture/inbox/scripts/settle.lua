-- settle: remove written trades from their inboxes and unlock; a partition with more is due again.
--
-- Harmless when run twice, or by a worker that lost its lease: only the owner of the lock trims, and
-- the lock is gone after the first run.
--
-- KEYS  1 due     sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held    hash         partitions that must not be claimed, and why
--       3 tries   hash         partition -> postponements in a row
-- also  <prefix>inbox:<partition>  list         accepted trades, oldest first
--       <prefix>lock:<partition>   string, PX   the owner's token; the lease
-- ARGV  1 prefix   2 token
--       then for each partition: partition, trades written, why it is to be held ('' = it is not)
-- reply for each partition: 1 settled, 0 refused (the token is no longer the lock's)
local due, held, tries = KEYS[1], KEYS[2], KEYS[3]
local prefix, token = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local postponed = redis.call('EXISTS', tries) == 1
local reply = {}
for i = 3, #ARGV, 3 do
  local partition, written, why = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local inbox, lock = prefix .. 'inbox:' .. partition, prefix .. 'lock:' .. partition
  if redis.call('GET', lock) == token then
    redis.call('LTRIM', inbox, written, -1)
    redis.call('DEL', lock)
    if postponed then redis.call('HDEL', tries, partition) end
    if why ~= '' then redis.call('HSET', held, partition, why) end
    if redis.call('EXISTS', inbox) == 1 and redis.call('HEXISTS', held, partition) == 0 then
      redis.call('ZADD', due, now, partition)
    else
      redis.call('ZREM', due, partition)
    end
    reply[#reply + 1] = 1
  else
    reply[#reply + 1] = 0
  end
end
return reply
