"""The broker: kombu's Redis transport, which carries bells on a full Redis too.

A Redis at its memory limit refuses whatever may need memory: to bind a queue, to push a bell, to
note one as unacknowledged. Capture frees the memory, and bells start captures: without them a full
Redis would stay full. A bell takes a few hundred bytes, and a lane has at most one waiting.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import cached_property
from time import time
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from kombu.utils.json import dumps
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ResponseError
from redis.retry import Retry

from tradecapture.connections.brokers import sentinel as sentinel_broker

# A full Redis refuses a script at its first write that may need memory, and none after a write that
# cannot. The first one here cannot, and changes nothing; it is of the same key, so that it needs no
# other right.
_WRITE = """
local nothing = {
  LPUSH = {'LTRIM', KEYS[1], 0, -1},
  ZADD = {'ZREM', KEYS[1], ''},
  HSET = {'HDEL', KEYS[1], ''},
  SADD = {'SREM', KEYS[1], ''},
}
redis.call(unpack(nothing[ARGV[1]]))
return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))
"""


class UntransactedRedis(Redis):
    """A client that pipelines without a transaction: a full Redis lets no command into one."""

    def pipeline(self, transaction: bool = False, shard_hint: str | None = None) -> Any:
        """Return a pipeline."""
        return super().pipeline(transaction, shard_hint)


class UnackedMessages(redis.QoS):
    """The messages that a worker has taken, and not acknowledged yet."""

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note a message as unacknowledged."""
        delivery = message.delivery_info
        noted = dumps([message._raw, delivery["exchange"], delivery["routing_key"]])
        with self.pipe_or_acquire() as pipe:
            self.channel.write(pipe, "ZADD", self.unacked_index_key, time(), delivery_tag)
            self.channel.write(pipe, "HSET", self.unacked_key, delivery_tag, noted)
            pipe.execute()
        virtual.QoS.append(self, message, delivery_tag)

    def restore_visible(self, *arguments: Any, **options: Any) -> None:
        """Put back what nobody has acknowledged for long; a full Redis has it later."""
        with suppress(ResponseError):  # the sweep has rung again for it
            super().restore_visible(*arguments, **options)


class RedisChannel(redis.Channel):
    """A channel whose writes a full Redis does not refuse."""

    QoS = UnackedMessages

    def write(self, client: Any, command: str, key: str, *arguments: str | float) -> None:
        """Run a command, or add it to a pipeline."""
        self._write(keys=[key], args=[command, *arguments], client=client)

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        # redis-py would try ten times, within each of ten attempts to connect. A main process waits
        # meanwhile, for minutes where nothing answers; its consumer looks every second by itself.
        retry = Retry(NoBackoff(), 0)
        return {**super()._connparams(asynchronous), "retry": retry}

    def _get_client(self) -> type[UntransactedRedis]:
        return UntransactedRedis

    def _put(self, queue: str, message: Any, **options: Any) -> None:
        if "_publish_batch" in options or queue in self._expires:
            super()._put(queue, message, **options)  # no bell
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
        with suppress(ResponseError):  # they hold for an hour, and are refreshed thrice in it
            super()._refresh_bindings(queues)

    @cached_property
    def _write(self) -> Any:
        return self._create_client().register_script(_WRITE)


class RedisTransport(redis.Transport):
    """Redis as the broker."""

    Channel = RedisChannel


class RedisSentinelChannel(RedisChannel, sentinel_broker.SentinelChannel):
    """The same on whichever Redis is the master."""


class RedisSentinelTransport(redis.SentinelTransport):
    """Redis behind Sentinel as the broker."""

    Channel = RedisSentinelChannel


def use() -> None:
    """Let brokers on Redis be reached through these transports from now on."""
    TRANSPORT_ALIASES.update(dict.fromkeys(("redis", "rediss"), f"{__name__}:RedisTransport"))
    TRANSPORT_ALIASES["sentinel"] = f"{__name__}:RedisSentinelTransport"
