-- ring: reserve the lane's bell, if a partition is due and no bell is waiting.
-- uses: text, clock, bypass_maxmemory
--
-- Harmless when run twice: the second run finds the bell.
--
-- KEYS  1 due    sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 bell   string, PX   a capture task is waiting for this lane
-- ARGV  1 how long a bell counts as waiting (ms)
-- reply 1 the caller must ring, 0 it must not
local due, bell, bell_ms = KEYS[1], KEYS[2], ARGV[1]
local now = text(now_ms)
if redis.call('ZCOUNT', due, '-inf', now) == 0 then return 0 end
bypass_maxmemory(due)
if redis.call('SET', bell, now, 'PX', bell_ms, 'NX') then return 1 end
return 0
