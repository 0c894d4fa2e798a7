-- accept: append trades to their partitions' inboxes, once each; tell whether to ring the bell.
-- uses: text, clock
--
-- Harmless when run twice: the second run finds each trade in `seen` and returns the first receipt.
--
-- KEYS  1 due        sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 positions  hash         partition -> the position given last
--       3 epoch      string       Redis time (us) at which this lane's epoch began
--       4 bell       string, PX   a capture task is waiting for this lane
--       5 held       hash         partition -> why it must not be claimed
--       6 backlog    hash         'accepted', 'settled': how many trades entered and left the lane
--       7 upstream   hash         partition -> upstream's number that was in order last
--       8 promoted   string       the former replication id of this server, if it was promoted
--       9 began      hash         partition -> the position given last before this epoch began
-- also  <prefix>inbox:<partition>  list         accepted trades, oldest first
--       <prefix>seen:<trade id>    string, EX   digest, position, epoch, accepted (ms) and expected
--                                               outcome, partition
--       <prefix>ahead:<partition>  sorted set   upstream's numbers that were accepted early
-- ARGV  1 prefix   2 idempotency window (s)   3 how long a bell counts as waiting (ms)
--       4 trades that may wait in a partition   5 in the lane   6 trades that this call may append
--       7 how far ahead of the last number in order one of upstream's numbers may be
--       8 format of the bodies
--       9 how many partitions are closed, because a trade of theirs was refused   then these
--       then for each trade: partition, trade id, digest, body, upstream's number ('' = none)
-- reply {ring (0 or 1), then for each trade one of:
--       {'accepted', position, epoch, accepted (ms)}, for a numbered trade also: expected outcome,
--                                                     number in order last
--       {'duplicate', position, epoch, accepted (ms), expected outcome}   in `seen`, same digest
--       {'conflict'}                                                      in `seen`, other digest
--       {'closed'}                                                        its partition is closed
--       {'partition' or 'lane' or 'total', trades waiting in the partition, in the lane,
--        held (0 or 1)}                                                   the scope that is full
--       expected outcome, which the ledger decides: '' captured, 'B' buffered, 'R' rejected
local due, positions, bell, held, backlog = KEYS[1], KEYS[2], KEYS[4], KEYS[5], KEYS[6]
local upstream, epoch_key, promoted, began = KEYS[7], KEYS[3], KEYS[8], KEYS[9]
local prefix, idempotency, bell_ms = ARGV[1], ARGV[2], ARGV[3]
local partition_limit, lane_limit, room = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local window, version = tonumber(ARGV[7]), ARGV[8]
local first_trade = 10 + ARGV[9]
local now = text(now_ms)

-- A promoted replica may lack the last trades of the old master, which the ledger may already have.
-- It would give their positions to other trades. So it begins a new epoch.
local epoch = redis.call('GET', epoch_key)
local info = redis.pcall('INFO', 'replication') -- an error if the user has no right to ask
local former_id = type(info) == 'string' and info:match('master_replid2:(%x*[1-9a-f]%x*)')
local is_promoted = former_id and former_id ~= redis.call('GET', promoted)
if is_promoted or not epoch then
  -- Greater than the last epoch, even if this server's clock is behind.
  epoch = text(math.max(now_us, tonumber(epoch or '0') + 1))
  redis.call('SET', epoch_key, epoch)
end
if is_promoted then
  redis.call('SET', promoted, former_id)
  redis.call('COPY', positions, began, 'REPLACE') -- positions continue: an inbox has no gap
end

local counts = redis.call('HMGET', backlog, 'accepted', 'settled')
if not counts[1] then
  -- First use of this Redis, or somebody deleted the key so that the trades are counted again.
  counts[1] = tonumber(counts[2] or '0')
  for _, partition in ipairs(redis.call('HKEYS', positions)) do
    counts[1] = counts[1] + redis.call('LLEN', prefix .. 'inbox:' .. partition)
  end
  redis.call('HSET', backlog, 'accepted', text(counts[1]))
end
local waiting = counts[1] - (counts[2] or 0)

local closed = {} -- partition -> 'closed'; no trade may overtake a refused one of its partition
for i = 10, first_trade - 1 do closed[ARGV[i]] = 'closed' end
local appended = 0
local depth = {} -- partition -> trades that wait in it; only where the script has counted them

-- Return the scope that is full for a trade of this partition; nil: there is room.
local function full_scope(partition)
  -- A partition holds no more than its lane: most calls need not count a partition.
  if waiting >= partition_limit then
    depth[partition] = depth[partition] or redis.call('LLEN', prefix .. 'inbox:' .. partition)
    if depth[partition] >= partition_limit then return 'partition' end
  end
  return waiting >= lane_limit and 'lane' or appended >= room and 'total' or nil
end

local function refusal(partition, scope)
  if scope == 'closed' then return {scope} end
  local partition_waiting = redis.call('LLEN', prefix .. 'inbox:' .. partition)
  return {scope, partition_waiting, waiting, redis.call('HEXISTS', held, partition)}
end

-- Note that one of upstream's numbers has come. Return the trade's expected outcome and the number
-- that is in order last.
local function check_sequence(partition, number_text)
  local ahead, number = prefix .. 'ahead:' .. partition, tonumber(number_text)
  local last = tonumber(redis.call('HGET', upstream, partition) or '0')
  if number <= last or number > last + window then return 'R', text(last) end
  if number > last + 1 then
    local is_new = redis.call('ZADD', ahead, 'NX', number_text, number_text) == 1
    return is_new and 'B' or 'R', text(last)
  end
  last = number
  while redis.call('ZREM', ahead, text(last + 1)) == 1 do last = last + 1 end
  redis.call('HSET', upstream, partition, text(last))
  return '', text(last)
end

local reply = {0}
local touched = {} -- partition -> true; those that got a trade
for i = first_trade, #ARGV, 5 do
  local partition, trade_id, digest, number = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 4]
  local seen_key = prefix .. 'seen:' .. trade_id
  local seen = redis.call('GET', seen_key)
  if seen then
    local first_digest, position, first_epoch, accepted, expected =
      seen:match('^(%S+) (%d+) (%d+) (%d+)([BR]?) ')
    local same = first_digest == digest
    local duplicate = {'duplicate', position, first_epoch, accepted, expected}
    reply[#reply + 1] = same and duplicate or {'conflict'}
  else
    local scope = closed[partition] or full_scope(partition)
    if scope then
      reply[#reply + 1] = refusal(partition, scope)
      closed[partition] = 'closed'
    else
      -- The first write is one that a full Redis refuses, so that it refuses the whole call.
      local position = redis.call('HINCRBY', positions, partition, 1)
      local stamp = position .. ' ' .. epoch .. ' ' .. now
      local entry = version .. ' ' .. stamp .. ' ' .. ARGV[i + 3]
      depth[partition] = redis.call('RPUSH', prefix .. 'inbox:' .. partition, entry)
      local answer, expected, last = {'accepted', position, epoch, now}, '', nil
      if number ~= '' then
        expected, last = check_sequence(partition, number)
        answer[5], answer[6] = expected, last
      end
      local receipt = digest .. ' ' .. stamp .. expected .. ' ' .. partition
      redis.call('SET', seen_key, receipt, 'EX', idempotency)
      touched[partition] = true
      appended, waiting = appended + 1, waiting + 1
      reply[#reply + 1] = answer
    end
  end
end
if appended > 0 then redis.call('HINCRBY', backlog, 'accepted', appended) end

-- A partition that is claimed, or that waits for its backoff, has a later score and keeps it.
local claimable = false
for partition in pairs(touched) do
  if redis.call('HEXISTS', held, partition) == 0 then
    redis.call('ZADD', due, 'NX', now, partition)
    if tonumber(redis.call('ZSCORE', due, partition)) <= now_ms then
      claimable = true
    end
  end
end
if claimable and redis.call('SET', bell, now, 'PX', bell_ms, 'NX') then
  reply[1] = 1
end
return reply
