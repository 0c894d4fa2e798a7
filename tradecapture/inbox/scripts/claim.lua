-- claim: lock partitions that are due and read the trades that wait in them.
--
-- Harmless when run twice: what the first run locked is not due until its lease ends.
--
-- KEYS  1 due     sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held    hash         partition -> why it must not be claimed
--       3 fence   string       the fence given last (us)
--       4 tries   hash         partition -> postponements in a row
--       5 bell    string, PX   a capture task is waiting for this lane
-- also  <prefix>inbox:<partition>  list         accepted trades, oldest first
--       <prefix>lock:<partition>   string, PX   the owner's token; the lease
-- ARGV  1 prefix   2 owner   3 lease (ms)   4 partitions, at most   5 trades, at most   6 bytes, at most
--       7 first backoff (ms)   8 longest backoff (ms)   9 jitter, 0 to 1
-- reply {token, fence, now (us), partitions left due that no bell calls for,
--        then for each partition claimed: {partition, entry, entry, ...}}
local due, held, tries = KEYS[1], KEYS[2], KEYS[4]
local prefix, owner, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local partitions_left, trades_left, bytes_left = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local CHUNK = 64 -- entries read at a time, so that large trades stop at the byte limit
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now = math.floor(now_us / 1000)
local function text(number) return string.format('%.0f', number) end

local candidates = redis.call('ZRANGEBYSCORE', due, '-inf', text(now), 'LIMIT', 0, partitions_left)
if #candidates == 0 then
  return {'', '0', text(now_us), 0}
end
-- A full Redis refuses a script at its first write that may need memory, and none after a write that
-- cannot. This one cannot, so a full Redis can still be emptied ('' is no partition).
redis.call('ZREM', due, '')
-- Redis time, but never lower than the last one given: it grows even if the clock was set back.
local fence = math.max(now_us, tonumber(redis.call('GET', KEYS[3]) or '0') + 1)
redis.call('SET', KEYS[3], text(fence))
local token = owner .. ':' .. text(fence)
local reply = {token, text(fence), text(now_us), 0}

for _, partition in ipairs(candidates) do
  if trades_left <= 0 or bytes_left <= 0 then break end
  local inbox, lock = prefix .. 'inbox:' .. partition, prefix .. 'lock:' .. partition
  if redis.call('HEXISTS', held, partition) == 1 or redis.call('EXISTS', inbox) == 0 then
    redis.call('ZREM', due, partition)
  elseif not redis.call('SET', lock, token, 'NX', 'PX', lease) then
    local failures = redis.call('HINCRBY', tries, partition, 1)
    local delay = math.min(tonumber(ARGV[8]), tonumber(ARGV[7]) * 2 ^ math.min(failures - 1, 32))
    redis.call('ZADD', due, text(now + math.floor(delay * (0.5 + 0.5 * tonumber(ARGV[9])))), partition)
  else
    redis.call('ZADD', due, text(now + lease), partition)
    local claimed, from = {partition}, 0
    while trades_left > 0 and bytes_left > 0 do
      local entries = redis.call('LRANGE', inbox, from, from + math.min(CHUNK, trades_left) - 1)
      for _, entry in ipairs(entries) do
        claimed[#claimed + 1] = entry
        bytes_left = bytes_left - #entry
      end
      trades_left = trades_left - #entries
      from = from + #entries
      if #entries < CHUNK then break end
    end
    reply[#reply + 1] = claimed
  end
end
-- What is claimed has a later score, so this counts what another worker could claim now.
if redis.call('EXISTS', KEYS[5]) == 0 then
  reply[4] = redis.call('ZCOUNT', due, '-inf', text(now))
end
return reply
