-- release: let held partitions be claimed again; one with trades waiting is due at once.
--
-- Harmless when run twice: the second run finds nothing held.
--
-- KEYS  1 due    sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held   hash         partition -> why it must not be claimed
--       3 bell   string, PX   a capture task is waiting for this lane
-- also  <prefix>inbox:<partition>  list   accepted trades, oldest first
-- ARGV  1 prefix   2 how long a bell counts as waiting (ms)
--       3 release only holds of this kind, 'PAUSED' or 'HALTED' ('' = any)   then each partition
-- reply {ring (0 or 1), how many were released}
local kind = ARGV[3]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local released, waiting = 0, false
-- A full Redis refuses a script at its first write that may need memory, and none after a write that
-- cannot. This one cannot, so a full Redis can still be emptied ('' is no partition).
redis.call('ZREM', KEYS[1], '')
for i = 4, #ARGV do
  local hold = redis.call('HGET', KEYS[2], ARGV[i])
  if hold and (kind == '' or (kind == 'PAUSED') == (hold:sub(1, 7) == 'PAUSED ')) then
    redis.call('HDEL', KEYS[2], ARGV[i])
    released, hold = released + 1, false
  end
  if not hold and redis.call('EXISTS', ARGV[1] .. 'inbox:' .. ARGV[i]) == 1 then
    redis.call('ZADD', KEYS[1], 'NX', now, ARGV[i])
    waiting = true
  end
end
local ring = 0
if waiting and redis.call('SET', KEYS[3], now, 'PX', ARGV[2], 'NX') then ring = 1 end
return {ring, released}
