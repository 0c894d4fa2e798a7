-- claim_one: an operator's claim of one partition, whether or not it is held or due.
-- uses: text, clock, bypass_maxmemory, next_fence, read_entries
--
-- Harmless when run twice: what the first run locked is not free until its lease ends.
--
-- KEYS  1 due     sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 held    hash         partition -> why it must not be claimed
--       3 fence   string       the fence given last (us)
-- also  <prefix>inbox:<partition>  list         accepted trades, oldest first
--       <prefix>lock:<partition>   string, PX   the owner's token; the lease
-- ARGV  1 prefix   2 owner   3 lease (ms)   4 max trades   5 max bytes   6 partition
-- reply {} if the partition is locked, else {token, fence, now (us), entry, entry, ...}
local due, held, fence_key = KEYS[1], KEYS[2], KEYS[3]
local prefix, owner, lease, partition = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[6]
local max_trades, max_bytes = tonumber(ARGV[4]), tonumber(ARGV[5])
local inbox, lock = prefix .. 'inbox:' .. partition, prefix .. 'lock:' .. partition

if redis.call('EXISTS', lock) == 1 then return {} end
bypass_maxmemory(due)
local fence = next_fence(fence_key)
local token = owner .. ':' .. fence
redis.call('SET', lock, token, 'PX', lease)
-- The operator's command may die: workers then find the partition due when the lease ends.
if redis.call('HEXISTS', held, partition) == 0 and redis.call('EXISTS', inbox) == 1 then
  redis.call('ZADD', due, text(now_ms + lease), partition)
end
local reply = {token, fence, text(now_us)}
read_entries(inbox, reply, max_trades, max_bytes)
return reply
