"""The slot map of a Redis Cluster: which node has a key. redis-py's cluster client keeps it."""

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
    """Return the URLs of a cluster's nodes in the form that redis-py reads.

    Args:
        url: redis+cluster:// or rediss+cluster://, nodes separated by semicolons.
    """
    return [node.replace(f"{CLUSTER_SUFFIX}://", "://", 1) for node in url.split(";")]


class SlotMap:
    """The nodes of a cluster and the slots they have, read at first use and when slots move.

    Every error that it raises is a `RedisError`. redis-py's `RedisClusterException` is none.
    """

    def __init__(self, url: str, timeout_seconds: float) -> None:
        """Prepare; nothing is connected.

        Args:
            url: some of the nodes, see `node_urls`. The user, the password and the options of the
                first URL apply to all nodes.
            timeout_seconds: how long one connect or one reply may take.
        """
        self._urls, self._timeout_seconds = node_urls(url), timeout_seconds
        self._client: RedisCluster | None = None
        self._mutex = Lock()

    @property
    def client(self) -> RedisCluster:
        """redis-py's cluster client, connected at first use.

        Raises:
            ConnectionError: none of the nodes in the URL answers.
        """
        with self._mutex:
            if self._client is None:
                self._client = self._connect()
            return self._client

    def node_of(self, key: str | bytes) -> ClusterNode:
        """Return the node that has a key.

        Raises:
            ClusterDownError: no node has the key's slot.
            ConnectionError: no node answers.
        """
        slot = key_slot(key if isinstance(key, bytes) else key.encode())
        try:
            return self.client.nodes_manager.get_node_from_slot(slot)
        except RedisClusterException as error:
            raise ClusterDownError(str(error)) from error

    def node_at(self, host: str, port: int) -> ClusterNode:
        """Return the node at an address that a redirect named. It may not have a slot yet."""
        existing = self.client.get_node(host=host, port=port)
        node: ClusterNode = existing or ClusterNode(host, port, PRIMARY)
        return node

    def connection(self, node: ClusterNode) -> "Redis":
        """Return a client of one node. It does not retry."""
        return self.client.get_redis_connection(node)

    def primaries(self) -> list[ClusterNode]:
        """Return the nodes that have slots, sorted by name."""
        return sorted(self.client.get_primaries(), key=lambda node: str(node.name))

    def nodes(self) -> list[ClusterNode]:
        """Return all nodes, replicas included, sorted by name."""
        return sorted(self.client.get_nodes(), key=lambda node: str(node.name))

    def move_slot(self, moved: Any) -> None:
        """Update the node of one slot from a node's MovedError."""
        self.client.nodes_manager.move_slot(moved)

    def refresh(self, failed: str | None = None) -> None:
        """Read the slots of all nodes again. If no node answers, the map stays as it is.

        Args:
            failed: the name of a node that did not answer; it is asked last.
        """
        try:
            self.client.nodes_manager.initialize(
                disconnect_startup_nodes_pools=False, last_failed_node_name=failed
            )
        except (RedisError, RedisClusterException):
            return  # the next command to these nodes raises

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
                # Slots of unreachable nodes may belong to no node. The other lanes continue.
                require_full_coverage=False,
                socket_timeout=self._timeout_seconds,
                socket_connect_timeout=self._timeout_seconds,
                # It sends nodes more than the request for slots, and tries another node if one
                # does not answer.
                retry=retry(),
            )
        except RedisClusterException as error:
            raise ConnectionError(str(error)) from error


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "localhost", parts.port or 6379
