"""Redis as the broker of workers: kombu's transport, changed to work while Redis is full.

A Redis at its memory limit refuses every command that may need memory. Among them are kombu's
commands to bind a queue, to push a message and to record a message as unacknowledged. Only
captures free memory, and bells start captures, so without bells a full Redis would stay full.
These transports write through a script that a full Redis accepts. The script needs little memory:
a bell takes a few hundred bytes, and at most one waits in each lane.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from time import time
from typing import Any

from kombu.transport import redis, virtual
from kombu.utils.json import dumps
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from tradecapture.connections.brokers.sentinel import SentinelChannel

# A full Redis refuses a script if its first write may need memory, and checks no later write. So
# the script first makes a write that needs no memory and changes nothing. This write has the same
# key, so the script needs no access to other keys.
_WRITE = """
local no_op = {
  LPUSH = {'LTRIM', KEYS[1], 0, -1},
  ZADD = {'ZREM', KEYS[1], ''},
  HSET = {'HDEL', KEYS[1], ''},
  SADD = {'SREM', KEYS[1], ''},
}
redis.call(unpack(no_op[ARGV[1]]))
return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))
"""


class UntransactedRedis(Redis):
    """A client whose pipelines are not transactions: a full Redis refuses commands in one."""

    def pipeline(self, transaction: bool = False, shard_hint: str | None = None) -> Any:
        """Return a pipeline."""
        return super().pipeline(transaction, shard_hint)


class UnackedMessages(redis.QoS):
    """The messages that a worker has received and not yet acknowledged."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Record a message as unacknowledged."""
        delivery = message.delivery_info
        record = dumps([message._raw, delivery["exchange"], delivery["routing_key"]])
        with self.pipe_or_acquire() as pipe:
            self.channel.write(pipe, "ZADD", self.unacked_index_key, time(), delivery_tag)
            self.channel.write(pipe, "HSET", self.unacked_key, delivery_tag, record)
            pipe.execute()
        virtual.QoS.append(self, message, delivery_tag)

    def restore_visible(self, *arguments: Any, **options: Any) -> None:
        """Requeue the messages that stayed unacknowledged longer than the visibility timeout.

        A full Redis refuses this. Nothing is lost: the sweep has rung again for those lanes.
        """
        with suppress(ResponseError):
            super().restore_visible(*arguments, **options)


class RedisChannel(redis.Channel):
    """A channel whose writes a full Redis accepts."""

    QoS = UnackedMessages

    def write(self, client: Any, command: str, key: str, *arguments: str | float) -> None:
        """Run a write command through the script, or add it to a pipeline.

        Args:
            client: a client or a pipeline.
            command: LPUSH, ZADD, HSET or SADD.
            key: the command's key.
            arguments: the command's other arguments.
        """
        self._write(keys=[key], args=[command, *arguments], client=client)

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        # redis-py would retry ten times within each of kombu's ten attempts to connect. If Redis
        # did not answer, the main process would wait for minutes. Its consumer retries every
        # second anyway.
        retry = Retry(NoBackoff(), 0)
        return {**super()._connparams(asynchronous), "retry": retry}

    def _get_client(self) -> type[UntransactedRedis]:
        return UntransactedRedis

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        if "_publish_batch" in options or queue in self._expires:  # never so for a bell
            super()._put(queue, message, **options)
            return
        priority = self._get_message_priority(message, reverse=False)
        with self.conn_or_acquire() as client:
            self.write(client, "LPUSH", self._q_for_pri(queue, priority), dumps(message))

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        try:
            super()._queue_bind(exchange, routing_key, pattern, queue)
        except ResponseError:
            member = self.sep.join((routing_key or "", pattern or "", queue or ""))
            with self.conn_or_acquire() as client:
                for key in (self.keyprefix_queue, self.keyprefix_binding_permanent):
                    self.write(client, "SADD", key % (exchange,), member)

    def _refresh_bindings(self, queues: Sequence[str]) -> None:
        # A binding lasts an hour and is refreshed three times an hour, so one refresh may fail.
        with suppress(ResponseError):
            super()._refresh_bindings(queues)

    @cached_property
    def _write(self) -> Any:
        return self._create_client().register_script(_WRITE)


class RedisTransport(redis.Transport):
    """Redis, for workers."""

    Channel = RedisChannel


class RedisSentinelChannel(RedisChannel, SentinelChannel):
    """A channel to the current master whose writes a full Redis accepts."""


class RedisSentinelTransport(redis.SentinelTransport):
    """Redis behind Sentinel, for workers."""

    Channel = RedisSentinelChannel
