"""Runs a private Redis Cluster on this machine, whose nodes a test can kill and restart."""

import random
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Self

from redis import Redis
from redis.crc import REDIS_CLUSTER_HASH_SLOTS, key_slot
from redis.exceptions import RedisError

from tests.support.deployment.completion import wait_for
from tradecapture.inbox.keys import lane_keys
from tradecapture.local.servers.ports import LOOPBACK, is_free
from tradecapture.local.servers.redis_server import REPLY_TIMEOUT_SECONDS, RedisServer

# From a node's port to that of its cluster bus. Redis 6.2 allows no other offset.
BUS_OFFSET = 10_000
# Both ports are below those that the kernel gives to outgoing connections (from 32,768 on).
# Otherwise a connection could take one between the check that it is free and the start of the node.
PORTS = range(12_000, 22_000)
_untried = iter(random.sample(PORTS, len(PORTS)))
# A node counts as failed after this silence. The value is as short as a shared machine allows.
NODE_TIMEOUT_MS = 1_500


class NodeServer(RedisServer):
    """One node of a cluster."""

    def __init__(self, folder: Path) -> None:
        """Prepare a node on a free port whose bus port is free too."""
        port = next(port for port in _untried if is_free(port) and is_free(port + BUS_OFFSET))
        super().__init__(folder, port)
        self.port = self.announced_port = port

    @property
    def name(self) -> str:  # type: ignore[override]
        """Its address, by which redis-py and other nodes name it."""
        return f"{LOOPBACK}:{self.port}"

    def is_master(self) -> bool:
        """Return whether its role is master."""
        with self.redis() as redis:
            info: Any = redis.info("replication")
            return bool(info["role"] == "master")

    def redis(self) -> "Redis":
        """Return a client of this node alone."""
        return Redis.from_url(self.url, socket_timeout=10 * REPLY_TIMEOUT_SECONDS)

    def _run(self, command: list[str], **options: Any) -> None:
        cluster = {
            "cluster-enabled": "yes",
            "cluster-node-timeout": str(NODE_TIMEOUT_MS),
            # When a node is away, the lanes of the other nodes must stay available.
            "cluster-require-full-coverage": "no",
            # Tests kill nodes and read their files again; none simulates a power cut.
            "appendfsync": "everysec",
            # The address that it tells clients; a test may have a proxy there.
            "cluster-announce-ip": LOOPBACK,
            "cluster-announce-port": str(self.announced_port),
        }
        for name, value in cluster.items():
            command += [f"--{name}", value]
        super()._run(command, **options)


class ClusterServers:
    """A cluster whose masters share the slots evenly. Some masters may have a replica."""

    def __init__(self, folder: Path, masters: int = 3, replicas: int = 0) -> None:
        """Prepare a cluster.

        Args:
            folder: of the nodes' data.
            masters: number of nodes with slots.
            replicas: number of masters that have a replica each.
        """
        self.masters = [NodeServer(folder / f"node-{number}") for number in range(masters)]
        self.replicas = [NodeServer(folder / f"replica-{number}") for number in range(replicas)]
        self._running = ExitStack()

    @property
    def nodes(self) -> list[NodeServer]:
        """All nodes."""
        return [*self.masters, *self.replicas]

    @property
    def url(self) -> str:
        """The value for TRADECAPTURE_REDIS_URL."""
        return ";".join(f"redis+cluster://{node.name}" for node in self.masters)

    def owner_of(self, lane: int) -> NodeServer:
        """Return the node that had a lane's slot when the cluster was made."""
        slot = key_slot(lane_keys(lane).due.encode())
        return self.masters[slot * len(self.masters) // REDIS_CLUSTER_HASH_SLOTS]

    def lanes_of(self, node: NodeServer, lanes: int) -> list[int]:
        """Return the lanes below `lanes` that the node had when the cluster was made."""
        return [lane for lane in range(lanes) if self.owner_of(lane) is node]

    def wait_until_whole(self, nodes: Sequence[NodeServer] | None = None) -> None:
        """Wait until nodes (None: all) report that all slots are served and no node has failed."""
        observers = self.nodes if nodes is None else nodes
        wait_for("the cluster is whole", lambda: all(map(self._sees_all, observers)))

    def __enter__(self) -> Self:
        """Start the nodes and form a cluster of them."""
        with ExitStack() as starting:
            for node in self.nodes:
                starting.callback(node.kill)
                node.start()
            self._meet()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """Kill all nodes."""
        self._running.close()

    def _meet(self) -> None:
        first = self.masters[0]
        for number, node in enumerate(self.nodes):
            with node.redis() as redis:
                redis.execute_command("CLUSTER SET-CONFIG-EPOCH", number + 1)
                if node in self.masters:
                    slots = range(REDIS_CLUSTER_HASH_SLOTS)
                    count = len(self.masters)
                    own = [s for s in slots if s * count // REDIS_CLUSTER_HASH_SLOTS == number]
                    redis.execute_command("CLUSTER ADDSLOTS", *own)
                if node is not first:
                    redis.execute_command("CLUSTER MEET", LOOPBACK, first.port)
        self.wait_until_whole(self.masters)
        for master, replica in zip(self.masters, self.replicas, strict=False):
            with master.redis() as redis, replica.redis() as follower:
                identity: Any = redis.execute_command("CLUSTER MYID")
                wait_for("the replica knows it", partial(_knows, follower, identity.decode()))
                follower.execute_command("CLUSTER REPLICATE", identity)
                wait_for("the replica follows", partial(_is_linked, follower))
        self.wait_until_whole()

    def _sees_all(self, node: NodeServer) -> bool:
        try:
            with node.redis() as redis:
                info: Any = redis.execute_command("CLUSTER INFO")
                nodes: Any = redis.execute_command("CLUSTER NODES")
        except RedisError:
            return False
        return (
            info["cluster_state"] == "ok"
            and int(info["cluster_slots_ok"]) == REDIS_CLUSTER_HASH_SLOTS
            and int(info["cluster_known_nodes"]) >= len(self.nodes)
            and all(_is_healthy(other["flags"]) for other in nodes.values())
        )


def _is_healthy(flags: str) -> bool:
    return "fail" not in flags and "handshake" not in flags


def _knows(redis: "Redis", identity: str) -> bool:
    nodes: Any = redis.execute_command("CLUSTER NODES")
    return any(identity == node["node_id"] for node in nodes.values())


def _is_linked(redis: "Redis") -> bool:
    info: Any = redis.info("replication")
    return bool(info["role"] == "slave" and info["master_link_status"] == "up")
