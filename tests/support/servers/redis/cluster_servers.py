"""A Redis Cluster of one's own: real nodes on this machine, each killed and restarted at will."""

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

BUS_OFFSET = 10_000  # from a node's port to that of the cluster bus; Redis 6.2 has no other
# Both below those that the kernel gives to connections (from 32,768 on): one of them would be taken
# between the look and the start.
PORTS = range(12_000, 22_000)
_untried = iter(random.sample(PORTS, len(PORTS)))
# After which a silent node counts as failed. As short as a shared machine allows.
NODE_TIMEOUT_MS = 1_500


class NodeServer(RedisServer):
    """One node."""

    def __init__(self, folder: Path) -> None:
        """Prepare a node on a port that is free with its bus port."""
        port = next(port for port in _untried if is_free(port) and is_free(port + BUS_OFFSET))
        super().__init__(folder, port)
        self.port = self.announced_port = port

    @property
    def name(self) -> str:  # type: ignore[override]
        """What redis-py and other nodes call it."""
        return f"{LOOPBACK}:{self.port}"

    def is_master(self) -> bool:
        """Return whether it has slots, or could have them."""
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
            # A lane whose node is away must not take the others with it.
            "cluster-require-full-coverage": "no",
            # Tests of one node's failure need its disk; none needs a power cut.
            "appendfsync": "everysec",
            # What it tells clients; tests may put a proxy there.
            "cluster-announce-ip": LOOPBACK,
            "cluster-announce-port": str(self.announced_port),
        }
        for name, value in cluster.items():
            command += [f"--{name}", value]
        super()._run(command, **options)


class ClusterServers:
    """A cluster whose masters share the slots evenly, some of them with a replica."""

    def __init__(self, folder: Path, masters: int = 3, replicas: int = 0) -> None:
        """Prepare a cluster.

        Args:
            folder: of the nodes' data.
            masters: how many nodes have slots.
            replicas: how many of them have a replica each.
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
        """What TRADECAPTURE_REDIS_URL is set to."""
        return ";".join(f"redis+cluster://{node.name}" for node in self.masters)

    def owner_of(self, lane: int) -> NodeServer:
        """Return the node that had a lane's slot when the cluster was made."""
        slot = key_slot(lane_keys(lane).due.encode())
        return self.masters[slot * len(self.masters) // REDIS_CLUSTER_HASH_SLOTS]

    def lanes_of(self, node: NodeServer, lanes: int) -> list[int]:
        """Return those of the first lanes that the node had when the cluster was made."""
        return [lane for lane in range(lanes) if self.owner_of(lane) is node]

    def wait_until_whole(self, nodes: Sequence[NodeServer] | None = None) -> None:
        """Wait until nodes (None: all) see all slots covered and no other node failing."""
        looking = self.nodes if nodes is None else nodes
        wait_for("the cluster is whole", lambda: all(map(self._sees_all, looking)))

    def __enter__(self) -> Self:
        """Start the nodes and let them meet."""
        with ExitStack() as starting:
            for node in self.nodes:
                starting.callback(node.kill)
                node.start()
            self._meet()
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """End all nodes; their data is of no more use."""
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
                known: Any = redis.execute_command("CLUSTER NODES")
        except RedisError:
            return False
        return (
            info["cluster_state"] == "ok"
            and int(info["cluster_slots_ok"]) == REDIS_CLUSTER_HASH_SLOTS
            and int(info["cluster_known_nodes"]) >= len(self.nodes)
            and all(_is_well(of["flags"]) for of in known.values())
        )


def _is_well(flags: str) -> bool:
    return "fail" not in flags and "handshake" not in flags


def _knows(redis: "Redis", identity: str) -> bool:
    known: Any = redis.execute_command("CLUSTER NODES")
    return any(identity == of["node_id"] for of in known.values())


def _is_linked(redis: "Redis") -> bool:
    info: Any = redis.info("replication")
    return bool(info["role"] == "slave" and info["master_link_status"] == "up")
