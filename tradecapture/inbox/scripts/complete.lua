-- settle: remove written trades from their inboxes and unlock; a partition with more is due again.
--
-- Harmless when run twice, or by a worker that lost its lease: only the owner of the lock trims, and
-- the lock is gone after the first run.
--
-- KEYS  1 due       sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held      hash         partition -> why it must not be claimed
--       3 tries     hash         partition -> postponements in a row
--       4 backlog   hash         'accepted' and 'settled': how many trades came into the lane, and left it
--       5 upstream  hash         partition -> upstream's number that was in order last
-- also  <prefix>inbox:<partition>  list         accepted trades, oldest first
--       <prefix>lock:<partition>   string, PX   the owner's token; the lease
--       <prefix>ahead:<partition>  sorted set   upstream's numbers that were accepted before their turn
-- ARGV  1 prefix   2 token
--       then for each partition: partition, trades written, why it is to be held ('' = it is not),
--       upstream's number that the ledger has reached (0 = none)
-- reply for each partition: 1 settled, 0 refused (the token is no longer the lock's)
local due, held, tries, upstream = KEYS[1], KEYS[2], KEYS[3], KEYS[5]
local prefix, token = ARGV[1], ARGV[2]
local time = redis.call('TIME')
local function text(number) return string.format('%.0f', number) end
local now = text(time[1] * 1000 + math.floor(time[2] / 1000))
local postponed = redis.call('EXISTS', tries) == 1
local removed = 0
local reply = {}
for i = 3, #ARGV, 4 do
  local partition, written, why, reached = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local inbox, lock = prefix .. 'inbox:' .. partition, prefix .. 'lock:' .. partition
  if redis.call('GET', lock) == token then
    local waiting = redis.call('LLEN', inbox)
    redis.call('LTRIM', inbox, written, -1)
    redis.call('DEL', lock)
    local leaving = math.min(waiting, tonumber(written))
    removed, waiting = removed + leaving, waiting - leaving
    if postponed then redis.call('HDEL', tries, partition) end
    -- A hold that stands already stays: an operator's pause is not undone by a halt.
    if why ~= '' then redis.call('HSETNX', held, partition, why) end
    if waiting > 0 and redis.call('HEXISTS', held, partition) == 0 then
      redis.call('ZADD', due, now, partition)
    else
      redis.call('ZREM', due, partition)
    end
    if reached ~= '0' then
      local ahead = prefix .. 'ahead:' .. partition
      local predicted = tonumber(redis.call('HGET', upstream, partition) or '0')
      -- With nothing left to capture the ledger's number is the truth; else more may come of what waits.
      if waiting == 0 or tonumber(reached) > predicted then
        local last = tonumber(reached)
        redis.call('ZREMRANGEBYSCORE', ahead, '-inf', reached)
        while waiting > 0 and redis.call('ZREM', ahead, text(last + 1)) == 1 do last = last + 1 end
        redis.call('HSET', upstream, partition, text(last))
      end
    end
    reply[#reply + 1] = 1
  else
    reply[#reply + 1] = 0
  end
end
if removed > 0 then redis.call('HINCRBY', KEYS[4], 'settled', removed) end
return reply
