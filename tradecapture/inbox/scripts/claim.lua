-- claim: lock partitions that are due and read the trades that wait in them.
-- uses: text, clock, bypass_maxmemory, next_fence, backoff, read_entries
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
-- ARGV  1 prefix   2 owner   3 lease (ms)   4 max partitions   5 max trades   6 max bytes
--       7 first backoff (ms)   8 max backoff (ms)   9 jitter, 0 to 1
-- reply {token, fence, now (us), partitions left due for which no bell was rung,
--        then for each partition claimed: {partition, entry, entry, ...}}
local due, held, fence_key, tries, bell = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local prefix, owner, lease = ARGV[1], ARGV[2], tonumber(ARGV[3])
local max_partitions = tonumber(ARGV[4])
local trades_left, bytes_left = tonumber(ARGV[5]), tonumber(ARGV[6])
local first_backoff, max_backoff, jitter = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])

local now = text(now_ms)
local candidates = redis.call('ZRANGEBYSCORE', due, '-inf', now, 'LIMIT', 0, max_partitions)
if #candidates == 0 then
  return {'', '0', text(now_us), 0}
end
bypass_maxmemory(due)
local fence = next_fence(fence_key)
local token = owner .. ':' .. fence
local reply = {token, fence, text(now_us), 0}

for _, partition in ipairs(candidates) do
  if trades_left <= 0 or bytes_left <= 0 then break end
  local inbox, lock = prefix .. 'inbox:' .. partition, prefix .. 'lock:' .. partition
  if redis.call('HEXISTS', held, partition) == 1 or redis.call('EXISTS', inbox) == 0 then
    redis.call('ZREM', due, partition)
  elseif not redis.call('SET', lock, token, 'NX', 'PX', lease) then
    local delay = backoff(tries, partition, first_backoff, max_backoff, jitter)
    redis.call('ZADD', due, text(now_ms + delay), partition)
  else
    redis.call('ZADD', due, text(now_ms + lease), partition)
    local claimed = {partition}
    trades_left, bytes_left = read_entries(inbox, claimed, trades_left, bytes_left)
    reply[#reply + 1] = claimed
  end
end
-- A claimed partition has a later score, so this counts what another worker could claim now.
if redis.call('EXISTS', bell) == 0 then
  reply[4] = redis.call('ZCOUNT', due, '-inf', now)
end
return reply
