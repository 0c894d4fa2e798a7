"""Redis in virtual time: its due times and leases are shifted; and a snapshot of partitions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from redis import Redis

from tradecapture.inbox import Hold
from tradecapture.inbox.keys import lane_keys
from tradecapture.trades.partition import PartitionKey

# One script each, so that no real time passes between the keys of a step.
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
# An entry begins with its version, position, epoch, time and trade id; 64 bytes hold them here.
_SNAPSHOT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = {}
for index = 1, #ARGV, 2 do
  local prefix, partition = ARGV[index], ARGV[index + 1]
  local score = redis.call('ZSCORE', prefix .. 'due', partition)
  local entries = redis.call('LRANGE', prefix .. 'inbox:' .. partition, 0, -1)
  for index, entry in ipairs(entries) do entries[index] = entry:sub(1, 64) end
  reply[#reply + 1] = {
    score and tostring(score - now) or false,
    redis.call('GET', prefix .. 'lock:' .. partition),
    redis.call('EXISTS', prefix .. 'bell'),
    redis.call('HGET', prefix .. 'held', partition),
    entries,
    redis.call('HGET', prefix .. 'upstream', partition),
    redis.call('ZRANGE', prefix .. 'ahead:' .. partition, 0, -1),
  }
end
return reply
"""


class Snapshot(NamedTuple):
    """What Redis has of one partition."""

    due_in_seconds: float | None  # None: it is not in the due set
    lock: bytes | None
    bell: bool  # of its lane
    hold: Hold | None
    entries: list[tuple[int, str]]  # position and trade id
    reached: int  # upstream's number that was in order last
    ahead: set[int]  # upstream's numbers that were accepted early

    @property
    def is_due(self) -> bool:
        """Whether a claim would consider it now."""
        return self.due_in_seconds is not None and self.due_in_seconds <= 0


def advance(
    redis: "Redis", lane: int, partition_keys: Sequence[PartitionKey], seconds: int
) -> None:
    """Shift the due times, leases and bell of a lane by some seconds."""
    keys = lane_keys(lane)
    expiring = [keys.bell, *map(keys.lock, partition_keys)]
    redis.eval(_SHIFT, 1 + len(expiring), keys.due, *expiring, seconds * 1000)


def snapshot(
    redis: "Redis", lane_of_partition: dict[PartitionKey, int]
) -> dict[PartitionKey, Snapshot]:
    """Return what Redis has of some partitions, read at one moment."""
    names = [
        text
        for partition, lane in lane_of_partition.items()
        for text in (lane_keys(lane).prefix, partition)
    ]
    replies: Any = redis.eval(_SNAPSHOT, 0, *names)
    return {
        partition: Snapshot(
            None if due is None else float(due) / 1000,
            lock,
            bool(bell),
            Hold.decode(hold.decode()) if hold else None,
            [_position_and_id(entry) for entry in entries],
            int(reached or 0),
            {int(number) for number in ahead},
        )
        for partition, (due, lock, bell, hold, entries, reached, ahead) in zip(
            lane_of_partition, replies, strict=True
        )
    }


def _position_and_id(entry: bytes) -> tuple[int, str]:
    _version, position, _epoch, _accepted_ms, body = entry.split(b" ", 4)
    length = body[1] & 0x1F  # the id is the body's first text, and short (MessagePack fixstr)
    return int(position), body[2 : 2 + length].decode()
