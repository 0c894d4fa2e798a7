"""The reading side of the inbox: where a trade waits, and how each partition stands."""

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

from redis import Redis

from tradecapture.inbox.entry import Entry, UnreadableEntryError, accepted_ms_of, decode_entry
from tradecapture.inbox.keys import lane_keys
from tradecapture.routing import lane_of


class SeenTrade(NamedTuple):
    """What is remembered of an accepted trade for the length of the idempotency window."""

    digest: str
    position: int
    epoch: int
    accepted_ms: int  # Redis time
    partition: str


class InboxPartition(NamedTuple):
    """How a partition stands in Redis."""

    partition: str
    lane: int
    epoch: int  # Redis time in microseconds at which the lane's positions began
    accepted: int  # trades accepted in this epoch: the position given last
    waiting: int  # trades in the inbox
    oldest_accepted_ms: int | None  # Redis time of the head's acceptance; None: no readable head
    owner: str | None  # token of the claim that holds it
    lease_ms: int  # what is left of that claim's lease
    held: str | None  # why it must not be claimed


class InboxReader:
    """Looks without touching: no lock is taken, nothing is marked."""

    def __init__(self, redis: "Redis", lanes: int) -> None:
        self._redis, self._lanes = redis, lanes

    def seen(self, trade_id: str) -> SeenTrade | None:
        """Find an accepted trade by its id, in one round trip over all lanes."""
        found = self._pipelined(
            [("GET", lane_keys(lane).seen(trade_id)) for lane in range(self._lanes)]
        )
        for value in found:
            if value is not None:
                digest, position, epoch, accepted_ms, partition = value.decode().split(" ", 4)
                return SeenTrade(digest, int(position), int(epoch), int(accepted_ms), partition)
        return None

    def entry(self, partition: str, position: int) -> Entry | None:
        """Return the trade that waits at a position; None: it waits no more, or is unreadable."""
        inbox = lane_keys(lane_of(partition, self._lanes)).inbox(partition)
        try:
            for entry in self.head(partition, 1):
                raw = cast(bytes | None, self._redis.lindex(inbox, position - entry.position))
                if raw is not None and position >= entry.position:
                    found = decode_entry(partition, raw)
                    # Between the two looks the head may have moved.
                    return found if found.position == position else None
        except UnreadableEntryError:
            pass
        return None

    def head(self, partition: str, trades: int) -> list[Entry]:
        """Return the oldest trades that wait in a partition, at most so many.

        Raises:
            UnreadableEntryError: one of them was accepted by another release.
        """
        inbox = lane_keys(lane_of(partition, self._lanes)).inbox(partition)
        raw_entries = cast(list[bytes], self._redis.lrange(inbox, 0, trades - 1))
        return [decode_entry(partition, raw) for raw in raw_entries]

    def partitions(self) -> list[InboxPartition]:
        """Return every partition that has accepted a trade in this epoch, by key."""
        found: list[InboxPartition] = []
        for lane in range(self._lanes):
            found += self._lane_partitions(lane)
        return sorted(found)

    def partition(self, partition: str) -> InboxPartition | None:
        """Return one partition, or None if it has accepted nothing in this epoch."""
        lane = lane_of(partition, self._lanes)
        return next((row for row in self._lane_partitions(lane, partition)), None)

    def _lane_partitions(self, lane: int, only: str | None = None) -> list[InboxPartition]:
        keys = lane_keys(lane)
        epoch, held, positions = self._pipelined(
            [("GET", keys.epoch), ("HGETALL", keys.held), ("HGETALL", keys.positions)]
        )
        names = [name for name in positions if only is None or name == only.encode()]
        commands: list[Sequence[Any]] = []
        for name in names:
            text = name.decode()
            commands += [
                ("LLEN", keys.inbox(text)),
                ("LINDEX", keys.inbox(text), 0),
                ("GET", keys.lock(text)),
                ("PTTL", keys.lock(text)),
            ]
        replies = self._pipelined(commands)
        rows = []
        for index, name in enumerate(names):
            waiting, head, owner, lease_ms = replies[index * 4 : index * 4 + 4]
            rows.append(
                InboxPartition(
                    partition=name.decode(),
                    lane=lane,
                    epoch=int(epoch or 0),
                    accepted=int(positions[name]),
                    waiting=waiting,
                    oldest_accepted_ms=accepted_ms_of(head) if head else None,
                    owner=owner.decode() if owner else None,
                    lease_ms=max(0, lease_ms),
                    held=held[name].decode() if name in held else None,
                )
            )
        return rows

    def _pipelined(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        pipeline = self._redis.pipeline(transaction=False)
        for command in commands:
            pipeline.execute_command(*command)
        return pipeline.execute()
