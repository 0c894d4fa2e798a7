"""Redis behind Sentinel: each connect asks for the master, so that failovers need no restart."""

from typing import Any

from redis import Redis, SSLConnection
from redis.sentinel import Sentinel, SentinelManagedConnection

from tradecapture.inbox.retrying import retry
from tradecapture.inbox.sentinel_client import ASKING, access_options, show_reasons
from tradecapture.sentinel_url import SentinelAccess, read_sentinel_url
from tradecapture.server_url import tls_options


class MasterConnection(SentinelManagedConnection):
    """A connection that asks the sentinels again whenever it has lost its server.

    redis-py 8 asks when it takes a connection from its pool, but tries a command again at the old
    address (its issue 3874): four times in vain, and if that host is silent each for the whole
    time-out.
    """

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send a command to whoever is the master."""
        if not self._sock:
            self.connect()
        super().send_packed_command(command, check_health)


class TlsMasterConnection(MasterConnection, SSLConnection):
    """The same over TLS."""


def connect_master(url: str, timeout_seconds: float, access: SentinelAccess) -> "Redis":
    """Return a client of whichever server is the master; it connects at first use.

    A connection that is lost, or whose server is a replica now, asks the sentinels again. While
    they have no master, or refuse the login, commands fail with
    `redis.sentinel.MasterNotFoundError`, a `RedisError`.

    Args:
        url: sentinel:// or sentinels://, see `sentinel_url.read_sentinel_url`.
        timeout_seconds: how long one connect to the master, or one of its replies, may take.
        access: what the sentinels are asked for.
    """
    address, tls = read_sentinel_url(url), tls_options(url)
    sentinels = Sentinel(address.sentinels, sentinel_kwargs=ASKING | access_options(url, access))
    show_reasons(sentinels)
    master: Redis = sentinels.master_for(
        access.master,
        connection_class=MasterConnection if tls is None else TlsMasterConnection,
        username=address.username,
        password=address.password,
        db=address.database,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=retry(),
        **(tls or {}),
    )
    return master
