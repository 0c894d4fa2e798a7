-- accept: append trades to their partitions' inboxes, once each, and say whether the lane needs its bell.
--
-- Harmless when run twice: the second run finds every trade in `seen` and answers the first receipt.
--
-- KEYS  1 due        sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 positions  hash         partition -> position given last
--       3 epoch      string       Redis time (us) at which this lane's positions began at 1
--       4 bell       string, PX   a capture task is waiting for this lane
--       5 held       hash         partition -> why it must not be claimed
--       6 backlog    hash         'accepted' and 'settled': how many trades came into the lane, and left it
--       7 upstream   hash         partition -> upstream's number that was in order last
--       8 promoted   string       replication id that was this server's before it became the master; see epoch
--       9 began      hash         partition -> position given last before this epoch began
-- also  <prefix>inbox:<partition>  list         accepted trades, oldest first
--       <prefix>seen:<trade id>    string, EX   digest, position, epoch, accepted (ms) and standing, partition
--       <prefix>ahead:<partition>  sorted set   upstream's numbers that were accepted before their turn
-- ARGV  1 prefix   2 idempotency window (s)   3 how long a bell counts as waiting (ms)
--       4 trades that may wait in a partition   5 in the lane   6 how many this call may append
--       7 how far ahead of its turn one of upstream's numbers may be
--       8 format of the bodies
--       9 how many partitions are closed, because a trade before was refused   then these
--       then for each trade: partition, trade id, digest, body, upstream's number ('' = none)
-- reply {ring (0 or 1), then for each trade one of:
--       {'accepted', position, epoch, accepted (ms)}, with a number also: standing, number in order last
--       {'duplicate', position, epoch, accepted (ms), standing}   seen, same digest
--       {'conflict'}                                              seen, other digest
--       {'closed'}                                                its partition is, or was closed before
--       {'partition' or 'lane' or 'total', waiting in the partition, in the lane, held (0 or 1)}   full
--       standing: '' in order, 'B' buffered until its turn, 'R' rejected; the ledger will judge
local due, positions, bell, held, backlog, upstream = KEYS[1], KEYS[2], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local prefix, idempotency, bell_ms = ARGV[1], ARGV[2], ARGV[3]
local partition_limit, lane_limit, room = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local window, version = tonumber(ARGV[7]), ARGV[8]
local first = 10 + ARGV[9]
local function text(number) return string.format('%.0f', number) end
local time = redis.call('TIME')
local now = text(time[1] * 1000 + math.floor(time[2] / 1000))
local epoch = redis.call('GET', KEYS[3])
-- A replica that took the master's place may lack what the ledger has captured already: it would give
-- the same places again, to other trades. A place is of an epoch, so it begins a new one.
local replication = redis.pcall('INFO', 'replication') -- an error where the user has no right to ask
local before = type(replication) == 'string' and replication:match('master_replid2:(%x*[1-9a-f]%x*)')
local promoted = before and before ~= redis.call('GET', KEYS[8])
if promoted or not epoch then
  -- Never lower than the last one, also if this server's clock is behind.
  epoch = text(math.max(time[1] * 1000000 + time[2], tonumber(epoch or '0') + 1))
  redis.call('SET', KEYS[3], epoch)
end
if promoted then
  redis.call('SET', KEYS[8], before)
  redis.call('COPY', positions, KEYS[9], 'REPLACE') -- positions go on, so that an inbox has no gap
end

local counted = redis.call('HMGET', backlog, 'accepted', 'settled')
if not counted[1] then
  -- Never counted in this Redis, or the key was deleted so that it is counted anew.
  counted[1] = tonumber(counted[2] or '0')
  for _, partition in ipairs(redis.call('HKEYS', positions)) do
    counted[1] = counted[1] + redis.call('LLEN', prefix .. 'inbox:' .. partition)
  end
  redis.call('HSET', backlog, 'accepted', text(counted[1]))
end
local waiting = counted[1] - (counted[2] or 0)

local closed = {} -- partition -> why; nothing overtakes a trade that was refused
for i = 10, first - 1 do closed[ARGV[i]] = 'closed' end
local appended, length = 0, {} -- trades appended; trades that wait in a partition, where known

local function why_full(partition)
  -- A partition holds no more than its lane: few calls need to look.
  if waiting >= partition_limit then
    length[partition] = length[partition] or redis.call('LLEN', prefix .. 'inbox:' .. partition)
    if length[partition] >= partition_limit then return 'partition' end
  end
  return waiting >= lane_limit and 'lane' or appended >= room and 'total' or nil
end

local function refusal(partition, why)
  if why == 'closed' then return {why} end
  local deep = redis.call('LLEN', prefix .. 'inbox:' .. partition)
  return {why, deep, waiting, redis.call('HEXISTS', held, partition)}
end

local function stand(partition, number)
  local ahead, wanted = prefix .. 'ahead:' .. partition, tonumber(number)
  local last = tonumber(redis.call('HGET', upstream, partition) or '0')
  if wanted <= last or wanted > last + window then return 'R', text(last) end
  if wanted > last + 1 then
    return redis.call('ZADD', ahead, 'NX', number, number) == 1 and 'B' or 'R', text(last)
  end
  last = wanted
  while redis.call('ZREM', ahead, text(last + 1)) == 1 do last = last + 1 end
  redis.call('HSET', upstream, partition, text(last))
  return '', text(last)
end

local reply = {0}
local touched = {}
for i = first, #ARGV, 5 do
  local partition, trade_id, digest, number = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 4]
  local seen_key = prefix .. 'seen:' .. trade_id
  local seen = redis.call('GET', seen_key)
  if seen then
    local first_digest, position, first_epoch, accepted, standing = seen:match('^(%S+) (%d+) (%d+) (%d+)([BR]?) ')
    local same = first_digest == digest
    reply[#reply + 1] = same and {'duplicate', position, first_epoch, accepted, standing} or {'conflict'}
  else
    local why = closed[partition] or why_full(partition)
    if why then
      reply[#reply + 1] = refusal(partition, why)
      closed[partition] = 'closed'
    else
      -- First what a full Redis refuses, so that it refuses the whole call.
      local position = redis.call('HINCRBY', positions, partition, 1)
      local stamp = position .. ' ' .. epoch .. ' ' .. now
      length[partition] = redis.call('RPUSH', prefix .. 'inbox:' .. partition, version .. ' ' .. stamp .. ' ' .. ARGV[i + 3])
      local answer, standing, last = {'accepted', position, epoch, now}, '', nil
      if number ~= '' then
        standing, last = stand(partition, number)
        answer[5], answer[6] = standing, last
      end
      redis.call('SET', seen_key, digest .. ' ' .. stamp .. standing .. ' ' .. partition, 'EX', idempotency)
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
    if tonumber(redis.call('ZSCORE', due, partition)) <= tonumber(now) then
      claimable = true
    end
  end
end
if claimable and redis.call('SET', bell, now, 'PX', bell_ms, 'NX') then
  reply[1] = 1
end
return reply
