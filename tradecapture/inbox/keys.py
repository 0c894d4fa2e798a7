"""The Redis keys of a lane. They share one hash tag: a lane lives in one Redis Cluster slot."""

from functools import cache
from typing import NamedTuple

from tradecapture.trades.partition import PartitionKey

# The keys without a hash tag belong to no lane.
LANES_KEY = "tc:lanes"  # the lane count of this deployment, unless Redis is a cluster
FORMAT_KEY = "tc:format"  # the format of new entries, once it was raised above the oldest
ACKNOWLEDGED_KEY = "tc:acknowledged"  # written before waiting for replicas; see `scripts`


class LaneKeys(NamedTuple):
    """The keys of one lane. The keys of a partition or a trade begin with the prefix."""

    prefix: str
    due: str  # sorted set: partitions with work, score = when they may be claimed next (ms)
    positions: str  # hash: partition -> the position given last
    epoch: str  # string: Redis time (us) at which the lane's epoch began
    bell: str  # string: a capture task is waiting for this lane
    held: str  # hash: partition -> why it must not be claimed
    fence: str  # string: the fence given last
    tries: str  # hash: partition -> postponements in a row
    backlog: str  # hash: `accepted`, `settled`: how many trades entered and left the lane
    upstream: str  # hash: partition -> upstream's number that was in order last
    lanes: str  # string: the lane count of this deployment, if Redis is a cluster
    promoted: str  # string: the former replication id of this server, if it was promoted
    began: str  # hash: partition -> the position given last before the epoch began

    def inbox(self, partition_key: PartitionKey) -> str:
        """The list of a partition's waiting trades, oldest first."""
        return f"{self.prefix}inbox:{partition_key}"

    def lock(self, partition_key: PartitionKey) -> str:
        """The lease on a partition: its owner's token."""
        return f"{self.prefix}lock:{partition_key}"

    def ahead(self, partition_key: PartitionKey) -> str:
        """Upstream's numbers that were accepted early."""
        return f"{self.prefix}ahead:{partition_key}"

    def identity(self, trade_id: str) -> str:
        """The digest of the trade that has this id; in the lane of the id, not of a partition."""
        return f"{self.prefix}identity:{trade_id}"

    def seen(self, trade_id: str) -> str:
        """Digest and receipt of a trade accepted within the idempotency window (`seen_id`)."""
        return f"{self.prefix}seen:{trade_id}"


@cache
def lane_keys(lane: int) -> LaneKeys:
    """Return the keys of a lane."""
    prefix = f"tc:{{{lane}}}:"
    return LaneKeys(prefix, *(prefix + name for name in LaneKeys._fields[1:]))
