-- accept: append trades to their partitions' inboxes, once each, and say whether the lane needs its bell.
--
-- Harmless when run twice: the second run finds every trade in `seen` and answers the first receipt.
--
-- KEYS  1 due        sorted set   partitions with work, score = when they may be claimed next (ms)
--       2 positions  hash         partition -> position given last
--       3 epoch      string       Redis time (us) at which this lane's positions began at 1
--       4 bell       string, PX   a capture task is waiting for this lane
--       5 held       hash         partitions that must not be claimed, and why
-- also  <prefix>inbox:<partition>  list         accepted trades, oldest first
--       <prefix>seen:<trade id>    string, EX   digest, position, epoch, accepted (ms), partition
-- ARGV  1 prefix   2 idempotency window (s)   3 how long a bell counts as waiting (ms)
--       then for each trade: partition, trade id, digest, body
-- reply {ring (0 or 1), then for each trade: {verdict, position, epoch, accepted (ms)}}
--       verdict: 'accepted', 'duplicate' (seen, same digest), 'conflict' (seen, other digest)
local due, positions, bell, held = KEYS[1], KEYS[2], KEYS[4], KEYS[5]
local prefix, window, bell_ms = ARGV[1], ARGV[2], ARGV[3]
local time = redis.call('TIME')
local now = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
local epoch = redis.call('GET', KEYS[3])
if not epoch then
  epoch = string.format('%.0f', time[1] * 1000000 + time[2])
  redis.call('SET', KEYS[3], epoch)
end
local reply = {0}
local appended = {}
for i = 4, #ARGV, 4 do
  local partition, trade_id, digest, body = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
  local seen_key = prefix .. 'seen:' .. trade_id
  local seen = redis.call('GET', seen_key)
  if seen then
    local first_digest, position, first_epoch, accepted = seen:match('^(%S+) (%d+) (%d+) (%d+) ')
    local verdict = first_digest == digest and 'duplicate' or 'conflict'
    reply[#reply + 1] = {verdict, position, first_epoch, accepted}
  else
    local position = redis.call('HINCRBY', positions, partition, 1)
    local stamp = position .. ' ' .. epoch .. ' ' .. now
    redis.call('RPUSH', prefix .. 'inbox:' .. partition, '1 ' .. stamp .. ' ' .. body)
    redis.call('SET', seen_key, digest .. ' ' .. stamp .. ' ' .. partition, 'EX', window)
    appended[partition] = true
    reply[#reply + 1] = {'accepted', position, epoch, now}
  end
end
-- A partition that is claimed, or that waits for its backoff, has a later score and keeps it.
local claimable = false
for partition in pairs(appended) do
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
