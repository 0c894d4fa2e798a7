"""Redis behind Sentinel: each connect asks for the master, so that failovers need no restart."""

from typing import Any

from redis import Redis, SSLConnection
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError, ConnectionError, RedisError, TimeoutError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

from tradecapture.connections.retries import retry
from tradecapture.connections.urls import SentinelAccess, read_sentinel_url, tls_options

# A sentinel answers from memory. One that is dead must not keep a submitter waiting: the next one
# is asked, and the one that answered is asked first from then on.
ASK_SECONDS = 1.0
# How a sentinel is asked; redis-py would ask a dead one eleven times, for five seconds.
SENTINEL_OPTIONS: dict[str, Any] = {
    "socket_timeout": ASK_SECONDS,
    "socket_connect_timeout": ASK_SECONDS,
    "retry": Retry(NoBackoff(), 0),
}


class Login(CredentialProvider):
    """A login that shows itself to redis-py alone: workers tell anybody of their configuration."""

    def __init__(self, access: SentinelAccess) -> None:
        self._access = access

    def __repr__(self) -> str:
        """Show nothing."""
        return "(not shown)"

    def __json__(self) -> str:
        """Show nothing to those who ask through Celery either."""
        return repr(self)

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return the password, behind the user if there is one."""
        if self._access.username:
            return self._access.username, self._access.password
        return (self._access.password,)


class SentinelError(ConnectionError):
    """A sentinel does not answer, or refuses the login; shown by its reason."""

    def __repr__(self) -> str:
        """Show the reason: redis-py's own shows only a class, and that is what it lists."""
        return str(self)


class SentinelClient(Redis):
    """A client of one sentinel. Errors list sentinels as they show themselves."""

    def __repr__(self) -> str:
        """Show the address: redis-py's own shows a thousand characters of options."""
        host, port = _address_of(self)
        return f"{host}:{port}"

    def execute_command(self, *args: Any, **options: Any) -> Any:
        """Ask it something.

        Raises:
            SentinelError: it does not answer, or refuses the login.
            RedisError: it refuses the command.
        """
        try:
            return super().execute_command(*args, **options)
        except AuthenticationError as error:
            login = "refuses the login of TRADECAPTURE_SENTINEL_PASSWORD"
            raise SentinelError(f"{login}: {error}") from error
        except (ConnectionError, TimeoutError) as error:
            raise SentinelError(str(error)) from error


def access_options(url: str, access: SentinelAccess) -> dict[str, Any]:
    """Return the login and TLS of a connection to the sentinels; see `SENTINEL_OPTIONS`."""
    tls = tls_options(url)
    options: dict[str, Any] = {} if tls is None else {"ssl": True, **tls}
    if access.username or access.password:
        options["credential_provider"] = Login(access)
    return options


def use_readable_errors(sentinels: Sentinel) -> None:
    """Let errors say which sentinel fails and why, in one line instead of thousands of characters.

    Args:
        sentinels: of redis-py; not connected yet.
    """
    options: dict[str, Any] = sentinels.sentinel_kwargs
    sentinels.sentinels = [SentinelClient(*_address_of(c), **options) for c in sentinels.sentinels]


def ask_sentinels(url: str, access: SentinelAccess) -> dict[str, str | RedisError]:
    """Return which master each sentinel of a URL names, by its address, or why it does not.

    A sentinel that does not know the name at all says nothing: empty.
    """
    asking = SENTINEL_OPTIONS | access_options(url, access)
    named: dict[str, str | RedisError] = {}
    for host, port in read_sentinel_url(url).sentinels:
        with Redis(host, port, **asking) as sentinel:
            try:
                found = sentinel.execute_command(
                    "SENTINEL", "GET-MASTER-ADDR-BY-NAME", access.master
                )
            except RedisError as error:
                named[f"{host}:{port}"] = error
                continue
        named[f"{host}:{port}"] = b":".join(found).decode() if found else ""
    return named


def _address_of(client: "Redis") -> tuple[str, int]:
    options = client.connection_pool.connection_kwargs
    return options["host"], options["port"]


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
