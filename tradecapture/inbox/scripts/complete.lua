-- complete: remove captured trades from inboxes and unlock. A partition with more is due again.
-- uses: text, clock
--
-- Harmless when run twice, or by a worker that lost its lease: only the owner of the lock removes
-- trades, and the first run deletes the lock.
--
-- KEYS  1 due       sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held      hash         partition -> why it must not be claimed
--       3 tries     hash         partition -> postponements in a row
--       4 backlog   hash         'accepted', 'settled': how many trades entered and left the lane
--       5 upstream  hash         partition -> upstream's number that was in order last
-- also  <prefix>inbox:<partition>  list         accepted trades, oldest first
--       <prefix>lock:<partition>   string, PX   the owner's token; the lease
--       <prefix>ahead:<partition>  sorted set   upstream's numbers that were accepted early
-- ARGV  1 prefix   2 token
--       then for each partition: partition, trades to remove, why to hold it ('' = do not hold it),
--       upstream's number that the ledger has reached (0 = none)
-- reply for each partition: 1 completed, 0 refused (the token is no longer the lock's)
local due, held, tries, backlog, upstream = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local prefix, token = ARGV[1], ARGV[2]
local now = text(now_ms)
local any_tries = redis.call('EXISTS', tries) == 1
local removed = 0
local reply = {}
for i = 3, #ARGV, 4 do
  local partition, trades, why, reached = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local inbox, lock = prefix .. 'inbox:' .. partition, prefix .. 'lock:' .. partition
  if redis.call('GET', lock) == token then
    local waiting = redis.call('LLEN', inbox)
    redis.call('LTRIM', inbox, trades, -1)
    redis.call('DEL', lock)
    local leaving = math.min(waiting, tonumber(trades))
    removed, waiting = removed + leaving, waiting - leaving
    if any_tries then redis.call('HDEL', tries, partition) end
    -- An existing hold stays: a halt does not replace an operator's pause.
    if why ~= '' then redis.call('HSETNX', held, partition, why) end
    if waiting > 0 and redis.call('HEXISTS', held, partition) == 0 then
      redis.call('ZADD', due, now, partition)
    else
      redis.call('ZREM', due, partition)
    end
    if reached ~= '0' then
      local ahead = prefix .. 'ahead:' .. partition
      local predicted = tonumber(redis.call('HGET', upstream, partition) or '0')
      -- If nothing waits, the ledger's number is right. Otherwise the waiting trades may raise it,
      -- so a lower number than the predicted one is ignored.
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
if removed > 0 then redis.call('HINCRBY', backlog, 'settled', removed) end
return reply
