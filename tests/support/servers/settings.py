"""Makes settings for tests that use the servers of their pytest process."""

from tradecapture.settings import Settings

CONNECT_SECONDS = 3.0  # timeout of a connection to a local server on a busy machine


def settings_on(redis_url: str) -> Settings:
    """Return settings with one lane, leases longer than a test, and almost no backoff.

    Args:
        redis_url: of the Redis to use; the database is SQLite in memory.
    """
    return Settings(
        redis_url=redis_url,
        database_url="sqlite://",
        lanes=1,
        lease_seconds=100,
        backoff_seconds=0.001,
        backoff_limit_seconds=0.01,
        connect_seconds=CONNECT_SECONDS,
    )
