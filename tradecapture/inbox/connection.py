"""The connection to Redis: bounded waits, few retries; every script may be sent twice."""

from redis import Redis
from redis.backoff import ExponentialBackoff
from redis.retry import Retry

# redis-py 8 retries ten times by default; a submitter waits for an answer, so three must do.
RETRIES = 3
RETRY_BASE_SECONDS = 0.02
RETRY_CAP_SECONDS = 0.5


def connect_redis(url: str, timeout_seconds: float) -> "Redis":
    """Return a client; it connects at first use.

    Args:
        url: redis://, rediss:// or unix://.
        timeout_seconds: how long one connect or one reply may take. Without it a command on a
            dead connection waits for ever.
    """
    return Redis.from_url(
        url,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=Retry(ExponentialBackoff(cap=RETRY_CAP_SECONDS, base=RETRY_BASE_SECONDS), RETRIES),
    )


def redis_now_ms(redis: "Redis") -> int:
    """Return the time of Redis in milliseconds: it is the one clock that all hosts share.

    Raises:
        RedisError: Redis is out of reach.
    """
    seconds, microseconds = redis.time()
    return seconds * 1000 + microseconds // 1000
