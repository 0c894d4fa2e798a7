"""The map of a Redis Cluster: which node has a key. redis-py's cluster client draws it."""

from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from redis import Redis
from redis.cluster import PRIMARY, ClusterNode, RedisCluster
from redis.crc import key_slot
from redis.exceptions import ClusterDownError, ConnectionError, RedisClusterException, RedisError

from tradecapture.connections.retries import retry
from tradecapture.connections.urls import CLUSTER_SUFFIX


def node_urls(url: str) -> list[str]:
    """Return the URLs of a cluster's nodes, as redis-py reads them.

    Args:
        url: redis+cluster:// or rediss+cluster://, nodes separated by semicolons.
    """
    return [node.replace(f"{CLUSTER_SUFFIX}://", "://", 1) for node in url.split(";")]


class SlotMap:
    """Where the keys are; asked of the cluster at first use, and again when a node says so.

    Every error is a RedisError: those of redis-py's cluster client alone would not be one.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        """Prepare; nothing is connected.

        Args:
            url: of some nodes, see `node_urls`; user, password and options of the first hold.
            timeout_seconds: how long one connect or one reply may take.
        """
        self._urls, self._timeout_seconds = node_urls(url), timeout_seconds
        self._client: RedisCluster | None = None
        self._mutex = Lock()

    @property
    def client(self) -> RedisCluster:
        """redis-py's client.

        Raises:
            ConnectionError: no node that was named answers.
        """
        with self._mutex:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def node_of(self, key: str | bytes) -> ClusterNode:
        """Return the node that has a key.

        Raises:
            ClusterDownError: no node has its slot.
            ConnectionError: no node answers.
        """
        slot = key_slot(key if isinstance(key, bytes) else key.encode())
        try:
            return self.client.nodes_manager.get_node_from_slot(slot)
        except RedisClusterException as error:
            raise ClusterDownError(str(error)) from error

    def at(self, host: str, port: int) -> ClusterNode:
        """Return the node at an address that another node has named; it may have no slot yet."""
        known = self.client.get_node(host=host, port=port)
        node: ClusterNode = known or ClusterNode(host, port, PRIMARY)
        return node

    def connection(self, node: ClusterNode) -> "Redis":
        """Return the client of a node itself; it does not try again."""
        return self.client.get_redis_connection(node)

    def primaries(self) -> list[ClusterNode]:
        """Return the nodes that have slots, by name."""
        return sorted(self.client.get_primaries(), key=lambda node: str(node.name))

    def nodes(self) -> list[ClusterNode]:
        """Return all nodes, replicas too, by name."""
        return sorted(self.client.get_nodes(), key=lambda node: str(node.name))

    def note_moved(self, moved: Any) -> None:
        """Note where a slot is now, from a node's MovedError."""
        self.client.nodes_manager.move_slot(moved)

    def refresh(self, failed: str | None = None) -> None:
        """Ask the nodes again where the slots are, one that has failed last."""
        try:
            self.client.nodes_manager.initialize(
                disconnect_startup_nodes_pools=False, last_failed_node_name=failed
            )
        except (RedisError, RedisClusterException):
            return  # nobody answers: the map stays as it is, and whoever uses it will be told

    def close(self) -> None:
        """Close all connections."""
        with self._mutex:
            if self._client is not None:
                self._client.close()
                self._client = None

    def _connect(self) -> RedisCluster:
        first, *others = self._urls
        nodes = [ClusterNode(*_address(url)) for url in others]
        try:
            return RedisCluster(
                url=first,
                startup_nodes=nodes,
                # Nodes that are away may leave slots that nobody has: the other lanes go on.
                require_full_coverage=False,
                socket_timeout=self._timeout_seconds,
                socket_connect_timeout=self._timeout_seconds,
                # It asks a node more than where the slots are; another one, if that is away.
                retry=retry(),
            )
        except RedisClusterException as error:
            raise ConnectionError(str(error)) from error


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "localhost", parts.port or 6379
