-- work: count the partitions of a lane that have work, and how many full claims they make.
--
-- Harmless when run twice: it only reads.
--
-- KEYS  1 due     sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held    hash         partition -> why it must not be claimed
--       3 tries   hash         partition -> postponements in a row
-- also  <prefix>inbox:<partition>  list   accepted trades, oldest first
-- ARGV  1 prefix   2 partitions to look into, at most   3 trades a claim   4 partitions a claim
-- reply {due, claimed, postponed, held, how long something has been due (ms), full claims (text)}
local due, held, tries = KEYS[1], KEYS[2], KEYS[3]
local prefix, most = ARGV[1], tonumber(ARGV[2])
local trades, partitions = tonumber(ARGV[3]), tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ready = redis.call('ZCOUNT', due, '-inf', string.format('%.0f', now))
local later = redis.call('ZCARD', due) - ready
-- Who is due later is claimed, or waits for its backoff. No lock is looked at: one that has failed
-- counts as waiting until it is due again, or captured.
local postponed = math.min(later, redis.call('HLEN', tries))
local claimed = later - postponed

-- A partition fills its part of a claim: by its trades, but one claim at most, for it is captured by
-- one worker at a time; and by being a partition, of which a claim takes so many.
local looked_into, filled, due_for = 0, 0, 0
local first = redis.call('ZRANGE', due, 0, most - 1, 'WITHSCORES')
for i = 1, #first, 2 do
  local score = tonumber(first[i + 1])
  if i == 1 then due_for = math.max(0, now - score) end
  if score <= now or redis.call('HEXISTS', tries, first[i]) == 0 then
    local depth = redis.call('LLEN', prefix .. 'inbox:' .. first[i])
    filled = filled + math.max(1 / partitions, math.min(1, depth / trades))
    looked_into = looked_into + 1
  end
end
if looked_into > 0 then filled = filled * math.max(1, (ready + claimed) / looked_into) end
return {ready, claimed, postponed, redis.call('HLEN', held), due_for, string.format('%.6f', filled)}
