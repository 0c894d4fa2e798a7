"""Redis behind Sentinel as the broker: kombu's transport, which looks for the master as inboxes do.

Kombu's own tries a lost master again at its old address, asks a dead sentinel for seconds, and says
in thousands of characters that it found none.
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

from tradecapture.connections.sentinel import (
    SENTINEL_OPTIONS,
    MasterConnection,
    TlsMasterConnection,
    access_options,
    use_readable_errors,
)
from tradecapture.connections.urls import SENTINEL_SCHEME, SentinelAccess


class SentinelChannel(redis.SentinelChannel):
    """A channel to whichever Redis is the master."""

    connection_class = MasterConnection
    connection_class_ssl: Any = TlsMasterConnection
    sentinel_kwargs = SENTINEL_OPTIONS

    def _sentinel_managed_pool(self, asynchronous: bool = False) -> Any:
        # The configuration has the login and TLS. It cannot have this: workers tell of it in JSON.
        self.sentinel_kwargs = {**self.sentinel_kwargs, **SENTINEL_OPTIONS}
        pool = super()._sentinel_managed_pool(asynchronous)
        use_readable_errors(pool.sentinel_manager)
        return pool


class SentinelTransport(redis.SentinelTransport):
    """Redis behind Sentinel."""

    Channel = SentinelChannel


def sentinel_options(broker_url: str, access: SentinelAccess) -> dict[str, Any]:
    """Return what Celery's `broker_transport_options` need more for sentinels.

    Args:
        broker_url: sentinel:// or sentinels://.
        access: what they are asked for.
    """
    return {"master_name": access.master, "sentinel_kwargs": access_options(broker_url, access)}


def use_sentinel() -> None:
    """Let brokers behind sentinels be reached through this transport; workers keep their own."""
    if TRANSPORT_ALIASES[SENTINEL_SCHEME].startswith("kombu."):
        TRANSPORT_ALIASES[SENTINEL_SCHEME] = f"{__name__}:{SentinelTransport.__name__}"
