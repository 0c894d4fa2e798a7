"""A Redis Cluster as the inbox sees it: one Redis; a command goes to the node that has its key.

redis-py's cluster client draws the map. It does not send: it refuses EVALSHA in pipelines, and one
node that is away would fail the lanes of all.
"""

from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError, RedisClusterException

from tradecapture.connections.cluster.dispatch import UNREACHABLE, ClusterDispatcher, Command
from tradecapture.connections.cluster.slots import SlotMap, node_urls


class ClusterRedis(Redis):
    """All nodes as one Redis. Commands that name no key go where redis-py sends them."""

    def __init__(self, url: str, timeout_seconds: float) -> None:
        """Prepare; it connects at first use.

        Args:
            url: redis+cluster:// or rediss+cluster://, some nodes separated by semicolons.
            timeout_seconds: how long one connect or one reply may take.
        """
        super().__init__(connection_pool=ConnectionPool.from_url(node_urls(url)[0]))
        self._map = SlotMap(url, timeout_seconds)
        self.sender = ClusterDispatcher(self._map, timeout_seconds)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command on the node that has its key.

        Raises:
            RedisError: that node is out of reach, or the command failed.
        """
        if args[0] in self._map.client.command_flags:
            try:
                return self._map.client.execute_command(*args, **options)
            except RedisClusterException as error:
                raise ConnectionError(str(error)) from error
        (reply,) = self.sender.send([Command(args, options)])
        if isinstance(reply, Exception):
            raise reply
        return reply

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        """Return a pipeline; a transaction may hold keys of one lane only."""
        return _NodePipelines(self, transaction)

    def time(self, **_options: Any) -> Any:
        """Return the time of the first node, by name, that answers: clocks need not agree.

        Raises:
            RedisError: no node answers.
        """
        return self.sender.first_answer(Command(("TIME",), {}))

    def script_load(self, script: Any) -> Any:
        """Make a script known to every node that answers.

        Raises:
            RedisError: no node answers.
        """
        return self.sender.first_answer(Command(("SCRIPT LOAD", script), {}), all_nodes=True)

    def nodes(self) -> "dict[str, Redis]":
        """Return a client of each node alone, replicas too, by host and port.

        Raises:
            ConnectionError: no node answers.
        """
        return {str(node.name): self._map.connection(node) for node in self._map.nodes()}

    def node_of(self, key: str) -> str:
        """Return the node that has a key, by host and port.

        Raises:
            RedisError: none has, or none answers.
        """
        return str(self._map.node_of(key).name)

    def close(self) -> None:
        """Close the connections to all nodes."""
        if hasattr(self, "_map"):  # it is also called where the URL could not be read
            self._map.close()
        super().close()


class _NodePipelines(Pipeline):
    """A pipeline whose commands go to many nodes."""

    def __init__(self, redis: ClusterRedis, transaction: bool) -> None:
        super().__init__(redis.connection_pool, redis.response_callbacks, transaction, None)
        self._sender, self._is_transaction = redis.sender, transaction

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send the commands; return their replies, where one failed its error.

        Raises:
            RedisError: a command failed, unless errors may be replies; no node answered.
        """
        stack, self.command_stack = self.command_stack, []
        commands = [Command(args, options) for args, options in stack]
        replies = self._sender.send(commands, transaction=self._is_transaction)
        errors = [reply for reply in replies if isinstance(reply, Exception)]
        out_of_reach = errors and all(isinstance(reply, UNREACHABLE) for reply in replies)
        if errors and (raise_on_error or out_of_reach):
            raise errors[0]
        return replies
