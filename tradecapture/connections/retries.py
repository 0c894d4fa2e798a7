"""How often and how soon a command is tried again; every script may be sent twice."""

from redis.backoff import ExponentialBackoff
from redis.retry import Retry

# redis-py 8 retries ten times by default; a submitter waits for an answer, so three must do.
RETRIES = 3
RETRY_BASE_SECONDS = 0.02
RETRY_CAP_SECONDS = 0.5


def backoff() -> ExponentialBackoff:
    """Return how long to wait before each attempt after the first."""
    return ExponentialBackoff(cap=RETRY_CAP_SECONDS, base=RETRY_BASE_SECONDS)


def retry() -> Retry:
    """Return the retries of a connection."""
    return Retry(backoff(), RETRIES)
