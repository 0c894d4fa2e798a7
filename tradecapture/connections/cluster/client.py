"""A client of a Redis Cluster with the interface of a client of one Redis.

redis-py's `RedisCluster` keeps the slot map (see `slots`), but it does not send the commands:

- Its pipelines refuse EVALSHA, and the inbox sends its scripts in pipelines. EVALSHA is listed in
  `redis.cluster.PIPELINE_BLOCKED_COMMANDS` of the installed release
  (https://github.com/redis/redis-py/issues/2914; pull request 4206 removes it for a later release).
  A unit test fails as soon as the installed release accepts EVALSHA.
- In its pipelines one unreachable node fails the commands of all nodes, that is, of all lanes.
"""

from typing import Any

from redis import Redis
from redis.client import Pipeline
from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError, RedisClusterException

from tradecapture.connections.cluster.dispatch import (
    UNREACHABLE_ERRORS,
    ClusterDispatcher,
    Command,
)
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
        self._slots = SlotMap(url, timeout_seconds)
        self.dispatcher = ClusterDispatcher(self._slots, timeout_seconds)

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run one command on the node that has its key.

        Raises:
            RedisError: the node does not answer, or the command failed.
        """
        if args[0] in self._slots.client.command_flags:
            try:
                return self._slots.client.execute_command(*args, **options)
            except RedisClusterException as error:
                raise ConnectionError(str(error)) from error
        (reply,) = self.dispatcher.send([Command(args, options)])
        if isinstance(reply, Exception):
            raise reply
        return reply

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Pipeline:
        """Return a pipeline. A transaction may only have keys of one lane."""
        return _ClusterPipeline(self, transaction)

    def time(self, **_options: Any) -> Any:
        """Return the time of the first node, by name, that answers: the nodes' clocks may differ.

        Raises:
            RedisError: no node answers.
        """
        return self.dispatcher.first_reply(Command(("TIME",), {}))

    def script_load(self, script: Any) -> Any:
        """Load a script into every node that answers.

        Raises:
            RedisError: no node answers.
        """
        return self.dispatcher.first_reply(Command(("SCRIPT LOAD", script), {}), all_nodes=True)

    def nodes(self) -> "dict[str, Redis]":
        """Return a client of each single node, replicas included, by host and port.

        Raises:
            ConnectionError: no node answers.
        """
        return {str(node.name): self._slots.connection(node) for node in self._slots.nodes()}

    def node_of(self, key: str) -> str:
        """Return the node that has a key, by host and port.

        Raises:
            RedisError: no node has the key's slot, or no node answers.
        """
        return str(self._slots.node_of(key).name)

    def close(self) -> None:
        """Close the connections to all nodes."""
        if hasattr(self, "_slots"):  # Redis.__del__ calls close even if __init__ raised
            self._slots.close()
        super().close()


class _ClusterPipeline(Pipeline):
    """A pipeline whose commands may go to many nodes."""

    def __init__(self, redis: ClusterRedis, transaction: bool) -> None:
        super().__init__(redis.connection_pool, redis.response_callbacks, transaction, None)
        self._dispatcher, self._is_transaction = redis.dispatcher, transaction

    def execute(self, raise_on_error: bool = True) -> list[Any]:
        """Send the commands and return their replies.

        Args:
            raise_on_error: False: the reply of a command that failed is its error.

        Raises:
            RedisError: a command failed and `raise_on_error` is set, or no node answered.
        """
        stack, self.command_stack = self.command_stack, []
        commands = [Command(args, options) for args, options in stack]
        replies = self._dispatcher.send(commands, transaction=self._is_transaction)
        errors = [reply for reply in replies if isinstance(reply, Exception)]
        none_reachable = errors and all(isinstance(reply, UNREACHABLE_ERRORS) for reply in replies)
        if errors and (raise_on_error or none_reachable):
            raise errors[0]
        return replies
