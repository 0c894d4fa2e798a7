-- postpone: give claimed partitions back uncaptured. They are due again after a growing delay.
-- uses: text, clock, backoff
--
-- Harmless when run twice: only the owner of the lock postpones; the first run deletes the lock.
--
-- KEYS  1 due     sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held    hash         partition -> why it must not be claimed
--       3 tries   hash         partition -> postponements in a row
-- also  <prefix>lock:<partition>   string, PX   the owner's token; the lease
-- ARGV  1 prefix   2 token   3 first backoff (ms)   4 max backoff (ms)   5 jitter, 0 to 1
--       then each partition
-- reply for each partition: its delay (ms), or -1 where refused (the token is no longer the lock's)
local due, held, tries = KEYS[1], KEYS[2], KEYS[3]
local prefix, token = ARGV[1], ARGV[2]
local first_backoff, max_backoff, jitter = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local reply = {}
for i = 6, #ARGV do
  local partition = ARGV[i]
  local lock = prefix .. 'lock:' .. partition
  if redis.call('GET', lock) == token then
    redis.call('DEL', lock)
    local delay = backoff(tries, partition, first_backoff, max_backoff, jitter)
    if redis.call('HEXISTS', held, partition) == 1 then
      redis.call('ZREM', due, partition)
    else
      redis.call('ZADD', due, text(now_ms + delay), partition)
    end
    reply[#reply + 1] = delay
  else
    reply[#reply + 1] = -1
  end
end
return reply
