"""Moves a slot between nodes of a cluster, step by step."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from redis import Redis
from redis.crc import key_slot

from tests.support.servers.redis.cluster_servers import ClusterServers, NodeServer
from tradecapture.inbox.keys import lane_keys
from tradecapture.local.servers.ports import LOOPBACK

KEYS_A_STEP = 50
MIGRATE_MS = 10_000


@contextmanager
def moving(
    servers: ClusterServers, lane: int, source: NodeServer, target: NodeServer
) -> Iterator["Migration"]:
    """Move a lane's slot as redis-cli does.

    In the context the migration has begun, and a test may move some of the keys. At its end the
    rest is moved, and the target owns the slot.
    """
    with source.redis() as giver, target.redis() as taker:
        migration = Migration(giver, taker, target, key_slot(lane_keys(lane).due.encode()))
        migration.begin()
        try:
            yield migration
        finally:
            while migration.move_some():
                pass
            migration.end(servers)


class Migration:
    """The migration of one slot."""

    def __init__(self, giver: "Redis", taker: "Redis", target: NodeServer, slot: int) -> None:
        self._giver, self._taker, self._target, self._slot = giver, taker, target, slot
        self.moved = 0  # number of keys moved so far

    def begin(self) -> None:
        """Tell both nodes that the migration begins."""
        giver, taker = (_identity(redis) for redis in (self._giver, self._taker))
        self._taker.execute_command("CLUSTER SETSLOT", self._slot, "IMPORTING", giver)
        self._giver.execute_command("CLUSTER SETSLOT", self._slot, "MIGRATING", taker)

    def move_some(self) -> int:
        """Move some of the keys that are left; return how many."""
        keys: Any = self._giver.execute_command("CLUSTER GETKEYSINSLOT", self._slot, KEYS_A_STEP)
        self.move(keys)
        return len(keys)

    def move(self, keys: list[Any]) -> None:
        """Move some keys of the slot."""
        if keys:
            # Like redis-cli, without REPLACE, so that a key that both nodes have is an error.
            address = (LOOPBACK, self._target.port, "", 0, MIGRATE_MS)
            self._giver.execute_command("MIGRATE", *address, "KEYS", *keys)
        self.moved += len(keys)

    def end(self, servers: ClusterServers) -> None:
        """Tell all masters that the target owns the slot."""
        taker = _identity(self._taker)
        self._taker.execute_command("CLUSTER SETSLOT", self._slot, "NODE", taker)
        for node in servers.masters:
            with node.redis() as redis:
                redis.execute_command("CLUSTER SETSLOT", self._slot, "NODE", taker)


def _identity(redis: "Redis") -> str:
    identity: Any = redis.execute_command("CLUSTER MYID")
    return identity.decode() if isinstance(identity, bytes) else str(identity)
