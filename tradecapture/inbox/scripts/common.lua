-- common: the parts that several scripts share.
--
-- A script names the parts that it uses on its line `-- uses`, each after the parts that it needs.
-- Python puts those parts before the script, and no others: Redis runs them at every call.

-- part text: a number as the text that Redis stores. Lua alone would write 1.7e+15.
local function text(number) return string.format('%.0f', number) end

-- part clock: the time of Redis as a number, in microseconds and in milliseconds.
local time = redis.call('TIME')
local now_us = time[1] * 1000000 + time[2]
local now_ms = math.floor(now_us / 1000)

-- part bypass_maxmemory: lets a script that frees memory run although Redis is full.
-- A full Redis refuses a script at its first write, if that write may need memory. After a write
-- that never needs memory it refuses nothing more. This is such a write: '' is no partition. So
-- workers can empty a full Redis.
local function bypass_maxmemory(due) redis.call('ZREM', due, '') end

-- part next_fence: the fence of a new claim (us). Needs `text` and `clock`.
-- It is the time of Redis, but always greater than the last fence: the clock may be set back.
local function next_fence(fence_key)
  local fence = math.max(now_us, tonumber(redis.call('GET', fence_key) or '0') + 1)
  redis.call('SET', fence_key, text(fence))
  return text(fence)
end

-- part backoff: how long to wait before a partition is tried again (ms).
-- It doubles with each failure in a row. The jitter, 0 to 1, takes away up to half of it.
local function backoff(tries, partition, first_ms, max_ms, jitter)
  local failures = redis.call('HINCRBY', tries, partition, 1)
  local delay = math.min(max_ms, first_ms * 2 ^ math.min(failures - 1, 32))
  return math.floor(delay * (0.5 + 0.5 * jitter))
end

-- part read_entries: appends the oldest entries of an inbox to a table, up to two limits.
-- It reads a chunk at a time, and none after the chunk that reaches the limit of bytes.
-- Returns how many trades and bytes are left of the limits.
local CHUNK = 64 -- entries; more would read many large trades beyond the limit
local function read_entries(inbox, entries, trades_left, bytes_left)
  local from = 0
  while trades_left > 0 and bytes_left > 0 do
    local chunk = redis.call('LRANGE', inbox, from, from + math.min(CHUNK, trades_left) - 1)
    for _, entry in ipairs(chunk) do
      entries[#entries + 1] = entry
      bytes_left = bytes_left - #entry
    end
    trades_left = trades_left - #chunk
    from = from + #chunk
    if #chunk < CHUNK then break end
  end
  return trades_left, bytes_left
end
