"""The connection to Redis: bounded waits, few retries; every script may be sent twice."""

from redis import Redis

from tradecapture.inbox.cluster import ClusterRedis
from tradecapture.inbox.retrying import retry
from tradecapture.inbox.sentinel import connect_master
from tradecapture.sentinel_url import SentinelAccess, is_sentinel
from tradecapture.server_url import is_cluster
from tradecapture.settings import Settings


def connect_inboxes(settings: Settings) -> "Redis":
    """Return a client of the Redis that holds the inboxes; it connects at first use."""
    return connect_redis(settings.redis_url, settings.connect_seconds, settings.sentinels)


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
