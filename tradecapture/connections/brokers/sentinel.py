"""Redis behind Sentinel as the broker: kombu's transport, with the inboxes' way to the master.

Kombu's own transport has three faults: it reconnects to a lost master at the old address, it waits
seconds for a dead sentinel, and its errors are thousands of characters long.
"""

from typing import Any

from kombu.transport import redis

from tradecapture.connections.sentinel import (
    SENTINEL_OPTIONS,
    MasterConnection,
    TlsMasterConnection,
    use_readable_errors,
)


class SentinelChannel(redis.SentinelChannel):
    """A channel to the current master."""

    connection_class = MasterConnection
    connection_class_ssl: Any = TlsMasterConnection
    sentinel_kwargs = SENTINEL_OPTIONS

    def _sentinel_managed_pool(self, asynchronous: bool = False) -> Any:
        # Celery's settings provide the login and TLS. They cannot hold these options, because a
        # worker answers `celery inspect` with its settings as JSON.
        self.sentinel_kwargs = {**self.sentinel_kwargs, **SENTINEL_OPTIONS}
        pool = super()._sentinel_managed_pool(asynchronous)
        use_readable_errors(pool.sentinel_manager)
        return pool


class SentinelTransport(redis.SentinelTransport):
    """Redis behind Sentinel, for processes that only send."""

    Channel = SentinelChannel
