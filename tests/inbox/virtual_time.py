"""Virtual time: Redis is moved into the future by moving everything that it waits for closer."""

from redis import Redis

from tradecapture.inbox.keys import lane_keys

# One script, so that no real time passes between the keys of one step.
_SHIFT = """
local by = tonumber(ARGV[1])
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  redis.call('ZINCRBY', KEYS[1], -by, member)
end
for index = 2, #KEYS do
  local left = redis.call('PTTL', KEYS[index])
  if left > by then
    redis.call('PEXPIRE', KEYS[index], left - by)
  elseif left >= 0 then
    redis.call('DEL', KEYS[index])
  end
end
"""


def advance(redis: "Redis", lane: int, partitions: list[str], seconds: int) -> None:
    """Let so many seconds pass for a lane: scores, leases and the bell."""
    keys = lane_keys(lane)
    expiring = [keys.bell, *(keys.lock(partition) for partition in partitions)]
    redis.eval(_SHIFT, 1 + len(expiring), keys.due, *expiring, seconds * 1000)
