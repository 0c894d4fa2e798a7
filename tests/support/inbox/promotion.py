"""A promotion without a failover: to Redis itself it is the same."""

from redis import Redis

from tradecapture.local.servers.ports import LOOPBACK, free_port


def promote(redis: "Redis") -> None:
    """Make a Redis a replica, of nobody that answers, and then the master again."""
    redis.replicaof(LOOPBACK, str(free_port()))  # it keeps its data: there is nothing to copy
    redis.replicaof("NO", "ONE")
