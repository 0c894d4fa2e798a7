-- take: an operator's claim of one partition, also if it is held and whether or not it is due.
--
-- Harmless when run twice: what the first run locked is not free until its lease ends.
--
-- KEYS  1 due     sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held    hash         partition -> why it must not be claimed
--       3 fence   string       the fence given last (us)
-- also  <prefix>inbox:<partition>  list         accepted trades, oldest first
--       <prefix>lock:<partition>   string, PX   the owner's token; the lease
-- ARGV  1 prefix   2 owner   3 lease (ms)   4 trades, at most   5 bytes, at most   6 partition
-- reply {} if somebody has the partition, else {token, fence, now (us), entry, entry, ...}
local due, held = KEYS[1], KEYS[2]
local prefix, owner, lease, partition = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[6]
local trades_left, bytes_left = tonumber(ARGV[4]), tonumber(ARGV[5])
local CHUNK = 64 -- entries read at a time, so that large trades stop at the byte limit
local inbox, lock = prefix .. 'inbox:' .. partition, prefix .. 'lock:' .. partition
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local function text(number) return string.format('%.0f', number) end

if redis.call('EXISTS', lock) == 1 then return {} end
-- A full Redis refuses a script at its first write that may need memory, and none after a write that
-- cannot. This one cannot, so a full Redis can still be emptied ('' is no partition).
redis.call('ZREM', due, '')
-- Redis time, but never lower than the last one given: it grows even if the clock was set back.
local fence = math.max(now_us, tonumber(redis.call('GET', KEYS[3]) or '0') + 1)
redis.call('SET', KEYS[3], text(fence))
local token = owner .. ':' .. text(fence)
redis.call('SET', lock, token, 'PX', lease)
-- Whoever took it may die: what waits is then looked at again, as after any lease.
if redis.call('HEXISTS', held, partition) == 0 and redis.call('EXISTS', inbox) == 1 then
  redis.call('ZADD', due, text(math.floor(now_us / 1000) + lease), partition)
end
local reply, from = {token, text(fence), text(now_us)}, 0
while trades_left > 0 and bytes_left > 0 do
  local entries = redis.call('LRANGE', inbox, from, from + math.min(CHUNK, trades_left) - 1)
  for _, entry in ipairs(entries) do
    reply[#reply + 1] = entry
    bytes_left = bytes_left - #entry
  end
  trades_left = trades_left - #entries
  from = from + #entries
  if #entries < CHUNK then break end
end
return reply
