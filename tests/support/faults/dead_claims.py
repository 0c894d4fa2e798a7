"""Claims of killed processes, and how long their partitions wait for another worker."""

import time
from collections.abc import Collection, Mapping

from tradecapture.capture.gateway import Gateway
from tradecapture.trades.partition import PartitionKey


class DeadClaims:
    """Follows the claims of killed processes until a newer claim has written to each partition."""

    def __init__(self, gateway: Gateway) -> None:
        """Start with no claims."""
        self._gateway = gateway
        # Partition -> the fencing token of its dead claim, and the time of the kill.
        self._open: dict[PartitionKey, tuple[int, float]] = {}
        self.seconds: list[float] = []  # from the kill to the next write, for each partition

    def add(self, process_ids: Collection[int], killed_at: float) -> int:
        """Record the partitions that killed processes still hold; return how many there are.

        Args:
            process_ids: of the killed processes.
            killed_at: seconds of the monotonic clock.
        """
        claims = {
            row.partition_key: (int(row.owner.rsplit(":", 1)[1]), killed_at)
            for row in self._gateway.inbox_reader.partitions()
            if row.owner and any(f"-{process_id}:" in row.owner for process_id in process_ids)
        }
        self._open |= claims
        return len(claims)

    def look(self, fences: Mapping[PartitionKey, int]) -> None:
        """Record the waiting time of each partition that a newer claim has written to.

        Args:
            fences: the fencing token of the newest claim that has written to each partition.
        """
        for partition, (fence, killed_at) in list(self._open.items()):
            if fences.get(partition, 0) > fence:
                self.seconds.append(time.monotonic() - killed_at)
                del self._open[partition]
