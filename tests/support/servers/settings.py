"""Settings of a deployment on the servers of a pytest process."""

from tradecapture.settings import Settings

CONNECT_SECONDS = 3.0  # for a connection to a local server, on a machine that is busy


def settings_on(redis_url: str) -> Settings:
    """Return settings on a Redis: one lane, leases that outlast a test, backoffs of no length."""
    return Settings(
        redis_url=redis_url,
        database_url="sqlite://",
        lanes=1,
        lease_seconds=100,
        backoff_seconds=0.001,
        backoff_limit_seconds=0.01,
        connect_seconds=CONNECT_SECONDS,
    )
