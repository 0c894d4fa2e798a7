"""The Redis keys of a lane. They share one hash tag: a lane lives in one Redis Cluster slot."""

from functools import cache
from typing import NamedTuple

from tradecapture.trades.partition import PartitionKey

# Holds the lane count of this deployment, unless it is a cluster. It has no lane, so no hash tag.
LANES_KEY = "tc:lanes"
# Holds the format in which entries are written, once it was raised above the oldest.
FORMAT_KEY = "tc:format"

# Written before a submitter waits for replicas, so that its connection has a last write that lies
# behind every trade it answers for. It belongs to no lane either.
ACKNOWLEDGED_KEY = "tc:acknowledged"


class LaneKeys(NamedTuple):
    """The keys of one lane; the keys of a partition are the prefix and the names below."""

    prefix: str
    due: str  # sorted set: partitions with work, score = when they may be claimed next (ms)
    positions: str  # hash: partition -> position given last
    epoch: str  # string: Redis time (us) at which the lane's positions began
    bell: str  # string: a capture task is waiting
    held: str  # hash: partition -> why it must not be claimed
    fence: str  # string: the fence given last
    tries: str  # hash: partition -> postponements in a row
    backlog: str  # hash: `accepted` and `settled`, how many trades came into the lane and left it
    upstream: str  # hash: partition -> upstream's number that was in order last
    lanes: str  # string: the lane count of this deployment, where it is a cluster
    promoted: str  # string: replication id before the server became the master
    began: str  # hash: partition -> position given last before the epoch began

    def inbox(self, partition_key: PartitionKey) -> str:
        """The list of a partition's waiting trades, oldest first."""
        return f"{self.prefix}inbox:{partition_key}"

    def lock(self, partition_key: PartitionKey) -> str:
        """The lease on a partition: its owner's token."""
        return f"{self.prefix}lock:{partition_key}"

    def ahead(self, partition_key: PartitionKey) -> str:
        """Upstream's numbers that were accepted before their turn."""
        return f"{self.prefix}ahead:{partition_key}"

    def identity(self, trade_id: str) -> str:
        """The digest that a trade id stands for; in the lane of the id, not of a partition."""
        return f"{self.prefix}identity:{trade_id}"

    def seen(self, trade_id: str) -> str:
        """Digest and receipt of a trade accepted within the idempotency window (`seen_id`)."""
        return f"{self.prefix}seen:{trade_id}"


@cache
def lane_keys(lane: int) -> LaneKeys:
    """Return the keys of a lane."""
    prefix = f"tc:{{{lane}}}:"
    return LaneKeys(prefix, *(prefix + name for name in LaneKeys._fields[1:]))
