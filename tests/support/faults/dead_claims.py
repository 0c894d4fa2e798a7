"""Dead claims: what killed processes held, and how long until others wrote to its partitions."""

import time
from collections.abc import Collection, Mapping

from tradecapture.capture.gateway import Gateway
from tradecapture.trades.partition import PartitionKey


class DeadClaims:
    """The claims of the dead, watched until a newer one has written to each partition."""

    def __init__(self, gateway: Gateway) -> None:
        """Begin with none."""
        self._gateway = gateway
        # Partition -> its dead claim's fence, since when.
        self._open: dict[PartitionKey, tuple[int, float]] = {}
        self.seconds: list[float] = []  # how long each partition stood still

    def add(self, process_ids: Collection[int], killed_at: float) -> int:
        """Note what processes that are dead now hold; return how many partitions.

        Args:
            process_ids: of the dead.
            killed_at: when, by the monotonic clock.
        """
        held = {
            row.partition_key: (int(row.owner.rsplit(":", 1)[1]), killed_at)
            for row in self._gateway.inbox_reader.partitions()
            if row.owner and any(f"-{process_id}:" in row.owner for process_id in process_ids)
        }
        self._open |= held
        return len(held)

    def look(self, fences: Mapping[PartitionKey, int]) -> None:
        """Note which partitions have moved on.

        Args:
            fences: of the newest claim that has written to each partition.
        """
        for partition, (fence, killed_at) in list(self._open.items()):
            if fences.get(partition, 0) > fence:
                self.seconds.append(time.monotonic() - killed_at)
                del self._open[partition]
