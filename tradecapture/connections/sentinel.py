"""Redis behind Sentinel: each connect asks the sentinels for the master.

So after a failover no process needs a restart.
"""

from typing import Any

from redis import Redis, SSLConnection
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, ConnectionError, RedisError, TimeoutError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

from tradecapture.connections.retries import retry
from tradecapture.connections.urls import SentinelAccess, read_sentinel_url, tls_options

# A sentinel answers from memory. A submitter must not wait long for a dead one: redis-py asks the
# next sentinel, and from then on asks first the one that answered.
SENTINEL_TIMEOUT_SECONDS = 1.0
# For the connections to sentinels. By default redis-py asks a dead sentinel eleven times, which
# takes five seconds.
SENTINEL_OPTIONS: dict[str, Any] = {
    "socket_timeout": SENTINEL_TIMEOUT_SECONDS,
    "socket_connect_timeout": SENTINEL_TIMEOUT_SECONDS,
    "retry": Retry(NoBackoff(), 0),
}


class SentinelLogin(CredentialProvider):
    """A login that only redis-py can read: workers show their settings to everyone who asks."""

    def __init__(self, access: SentinelAccess) -> None:
        self._access = access

    def __repr__(self) -> str:
        """Show nothing."""
        return "(not shown)"

    def __json__(self) -> str:
        """Show nothing in Celery's JSON either."""
        return repr(self)

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return the user, if there is one, and the password."""
        if self._access.username:
            return self._access.username, self._access.password
        return (self._access.password,)


class SentinelError(ConnectionError):
    """A sentinel does not answer or refuses the login."""

    def __repr__(self) -> str:
        """Show the reason: redis-py lists the repr of errors, which by default is a class name."""
        return str(self)


class SentinelClient(Redis):
    """A client of one sentinel whose repr and errors are short."""

    def __repr__(self) -> str:
        """Show the address, since redis-py's repr shows a thousand characters of options."""
        host, port = _address_of(self)
        return f"{host}:{port}"

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Run a command.

        Raises:
            SentinelError: the sentinel does not answer, or refuses the login.
            RedisError: the sentinel refuses the command.
        """
        try:
            return super().execute_command(*args, **options)
        except AuthenticationError as error:
            login = "refuses the login of TRADECAPTURE_SENTINEL_PASSWORD"
            raise SentinelError(f"{login}: {error}") from error
        except (ConnectionError, TimeoutError) as error:
            raise SentinelError(str(error)) from error


class MasterConnection(SentinelManagedConnection):
    """A connection to the master that asks the sentinels again after it lost its server.

    redis-py 8 asks the sentinels only when it takes a connection from its pool. It retries a
    command at the old address (https://github.com/redis/redis-py/issues/3874): four times without
    success, and each time for the whole timeout if the host does not answer.
    """

    def send_packed_command(self, command: Any, check_health: bool = True) -> None:
        """Send a command to the current master."""
        if not self._sock:
            self.connect()
        super().send_packed_command(command, check_health)


class TlsMasterConnection(MasterConnection, SSLConnection):
    """A `MasterConnection` over TLS."""


def connect_master(url: str, timeout_seconds: float, access: SentinelAccess) -> "Redis":
    """Return a client of the current master. It connects at first use.

    A connection that is lost, or whose server has become a replica, asks the sentinels again. If
    the sentinels have no master or refuse the login, commands raise
    `redis.sentinel.MasterNotFoundError`, a `RedisError`.

    Args:
        url: sentinel:// or sentinels://, see `urls.read_sentinel_url`.
        timeout_seconds: how long one connect to the master or one of its replies may take.
        access: the name of the master, and the login at the sentinels.
    """
    address, tls = read_sentinel_url(url), tls_options(url)
    sentinels = Sentinel(
        address.sentinels, sentinel_kwargs=SENTINEL_OPTIONS | access_options(url, access)
    )
    use_readable_errors(sentinels)
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


def access_options(url: str, access: SentinelAccess) -> dict[str, Any]:
    """Return the login and TLS of a connection to the sentinels; see `SENTINEL_OPTIONS`."""
    tls = tls_options(url)
    options: dict[str, Any] = {} if tls is None else {"ssl": True, **tls}
    if access.username or access.password:
        options["credential_provider"] = SentinelLogin(access)
    return options


def use_readable_errors(sentinels: Sentinel) -> None:
    """Make errors say in one line which sentinel fails and why.

    redis-py's errors have thousands of characters.

    Args:
        sentinels: redis-py's object, not yet connected.
    """
    options: dict[str, Any] = sentinels.sentinel_kwargs
    sentinels.sentinels = [
        SentinelClient(*_address_of(client), **options) for client in sentinels.sentinels
    ]


def ask_sentinels(url: str, access: SentinelAccess) -> dict[str, str | RedisError]:
    """Ask each sentinel of a URL which server is the master.

    Returns:
        By the sentinel's host and port: the host and port of the master; empty if the sentinel
        does not know its name; the error if the sentinel did not answer.
    """
    options = SENTINEL_OPTIONS | access_options(url, access)
    answers: dict[str, str | RedisError] = {}
    for host, port in read_sentinel_url(url).sentinels:
        with Redis(host, port, **options) as sentinel:
            try:
                address = sentinel.execute_command(
                    "SENTINEL", "GET-MASTER-ADDR-BY-NAME", access.master
                )
            except RedisError as error:
                answers[f"{host}:{port}"] = error
                continue
        answers[f"{host}:{port}"] = b":".join(address).decode() if address else ""
    return answers


def _address_of(client: "Redis") -> tuple[str, int]:
    options = client.connection_pool.connection_kwargs
    return options["host"], options["port"]
