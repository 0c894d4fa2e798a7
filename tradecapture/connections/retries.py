"""How often and how soon a Redis command is retried. Every script may be sent twice."""

from redis.backoff import ExponentialBackoff
from redis.retry import Retry

# redis-py 8 retries ten times by default. A submitter waits for the reply, so three must do.
RETRIES = 3
RETRY_BASE_SECONDS = 0.02
RETRY_MAX_SECONDS = 0.5


def backoff() -> ExponentialBackoff:
    """Return the delays before the retries."""
    return ExponentialBackoff(cap=RETRY_MAX_SECONDS, base=RETRY_BASE_SECONDS)


def retry() -> Retry:
    """Return the retries of a connection, as redis-py takes them."""
    return Retry(backoff(), RETRIES)
