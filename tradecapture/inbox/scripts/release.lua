-- release: let held partitions be claimed again; one with trades waiting is due at once.
--
-- Harmless when run twice: the second run finds nothing held.
--
-- KEYS  1 due    sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held   hash         partitions that must not be claimed, and why
--       3 bell   string, PX   a capture task is waiting for this lane
-- also  <prefix>inbox:<partition>  list   accepted trades, oldest first
-- ARGV  1 prefix   2 how long a bell counts as waiting (ms)   then each partition
-- reply {ring (0 or 1), how many were held}
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local released, waiting = 0, false
for i = 3, #ARGV do
  released = released + redis.call('HDEL', KEYS[2], ARGV[i])
  if redis.call('EXISTS', ARGV[1] .. 'inbox:' .. ARGV[i]) == 1 then
    redis.call('ZADD', KEYS[1], 'NX', now, ARGV[i])
    waiting = true
  end
end
local ring = 0
if waiting and redis.call('SET', KEYS[3], now, 'PX', ARGV[2], 'NX') then ring = 1 end
return {ring, released}
