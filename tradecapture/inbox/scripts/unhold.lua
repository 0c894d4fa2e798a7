-- unhold: let held partitions be claimed again. A partition with waiting trades is due at once.
-- uses: text, clock, bypass_maxmemory
--
-- Harmless when run twice: the second run finds nothing held.
--
-- KEYS  1 due    sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held   hash         partition -> why it must not be claimed
--       3 bell   string, PX   a capture task is waiting for this lane
-- also  <prefix>inbox:<partition>  list   accepted trades, oldest first
-- ARGV  1 prefix   2 how long a bell counts as waiting (ms)
--       3 lift only holds of this kind, 'PAUSED' or 'HALTED' ('' = any)   then each partition
-- reply {ring (0 or 1), how many holds were lifted}
local due, held, bell = KEYS[1], KEYS[2], KEYS[3]
local prefix, bell_ms, kind = ARGV[1], ARGV[2], ARGV[3]
local now = text(now_ms)
local lifted, any_due = 0, false
bypass_maxmemory(due)
for i = 4, #ARGV do
  local partition = ARGV[i]
  local hold = redis.call('HGET', held, partition)
  if hold and (kind == '' or (kind == 'PAUSED') == (hold:sub(1, 7) == 'PAUSED ')) then
    redis.call('HDEL', held, partition)
    lifted, hold = lifted + 1, false
  end
  if not hold and redis.call('EXISTS', prefix .. 'inbox:' .. partition) == 1 then
    redis.call('ZADD', due, 'NX', now, partition)
    any_due = true
  end
end
local ring = 0
if any_due and redis.call('SET', bell, now, 'PX', bell_ms, 'NX') then ring = 1 end
return {ring, lifted}
