-- load: count the partitions of a lane that have work, and how many full claims they make.
-- uses: text, clock
--
-- Harmless when run twice: it only reads.
--
-- KEYS  1 due     sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held    hash         partition -> why it must not be claimed
--       3 tries   hash         partition -> postponements in a row
-- also  <prefix>inbox:<partition>  list   accepted trades, oldest first
-- ARGV  1 prefix   2 max partitions to count trades of   3 trades a claim   4 partitions a claim
-- reply {due, claimed, postponed, held, how long the first partition has been due (ms),
--        full claims (text)}
local due, held, tries = KEYS[1], KEYS[2], KEYS[3]
local prefix, max_counted = ARGV[1], tonumber(ARGV[2])
local claim_trades, claim_partitions = tonumber(ARGV[3]), tonumber(ARGV[4])
local ready = redis.call('ZCOUNT', due, '-inf', text(now_ms))
local later = redis.call('ZCARD', due) - ready
-- A partition that is due later is claimed or postponed. To stay cheap, the script reads no lock: a
-- partition whose capture failed counts as postponed until it is due again or captured.
local postponed = math.min(later, redis.call('HLEN', tries))
local claimed = later - postponed

-- A partition fills a part of a claim: the share of its trades, but one claim at most, since one
-- worker at a time captures it, and at least the share of one partition.
local counted, full_claims, due_for = 0, 0, 0
local first = redis.call('ZRANGE', due, 0, max_counted - 1, 'WITHSCORES')
for i = 1, #first, 2 do
  local partition, score = first[i], tonumber(first[i + 1])
  if i == 1 then due_for = math.max(0, now_ms - score) end
  if score <= now_ms or redis.call('HEXISTS', tries, partition) == 0 then
    local depth = redis.call('LLEN', prefix .. 'inbox:' .. partition)
    full_claims = full_claims + math.max(1 / claim_partitions, math.min(1, depth / claim_trades))
    counted = counted + 1
  end
end
-- Partitions beyond the first ones count as the average of these.
if counted > 0 then full_claims = full_claims * math.max(1, (ready + claimed) / counted) end
local claims_text = string.format('%.6f', full_claims)
return {ready, claimed, postponed, redis.call('HLEN', held), due_for, claims_text}
