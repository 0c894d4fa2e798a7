-- ring: take the right to ring the lane's bell, if something is due and no bell is waiting.
--
-- Harmless when run twice: the second run finds the bell.
--
-- KEYS  1 due    sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 bell   string, PX   a capture task is waiting for this lane
-- ARGV  1 how long a bell counts as waiting (ms)
-- reply 1 ring, 0 do not
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
if redis.call('ZCOUNT', KEYS[1], '-inf', now) == 0 then return 0 end
-- A full Redis refuses a script at its first write that may need memory, and none after a write that
-- cannot. This one cannot, so a full Redis can still be emptied ('' is no partition).
redis.call('ZREM', KEYS[1], '')
if redis.call('SET', KEYS[2], now, 'PX', ARGV[1], 'NX') then return 1 end
return 0
