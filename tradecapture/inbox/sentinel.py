"""Redis behind Sentinel: each connect asks for the master, so that failovers need no restart."""

from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from redis.sentinel import Sentinel, SentinelManagedConnection

from tradecapture.inbox.retrying import retry
from tradecapture.server_url import read_sentinel_url

# A sentinel answers from memory. One that is dead must not keep a submitter waiting: the next one
# is asked, and the one that answered is asked first from then on.
ASK_SECONDS = 1.0
# How a sentinel is asked; redis-py would ask a dead one eleven times, for five seconds.
ASKING: dict[str, Any] = {
    "socket_timeout": ASK_SECONDS,
    "socket_connect_timeout": ASK_SECONDS,
    "retry": Retry(NoBackoff(), 0),
}


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


def connect_master(url: str, timeout_seconds: float, master: str) -> "Redis":
    """Return a client of whichever server is the master; it connects at first use.

    A connection that is lost, or whose server is a replica now, asks the sentinels again. While
    they have no master, commands fail with `redis.sentinel.MasterNotFoundError`, a `RedisError`.

    Args:
        url: sentinel://, see `server_url.read_sentinel_url`.
        timeout_seconds: how long one connect to the master, or one of its replies, may take.
        master: the name that the sentinels know it by.
    """
    address = read_sentinel_url(url)
    master_client: Redis = Sentinel(address.sentinels, sentinel_kwargs=ASKING).master_for(
        master,
        connection_class=MasterConnection,
        username=address.username,
        password=address.password,
        db=address.database,
        socket_timeout=timeout_seconds,
        socket_connect_timeout=timeout_seconds,
        retry=retry(),
    )
    return master_client


def ask_sentinels(url: str, master: str) -> dict[str, str | None]:
    """Return which master each sentinel of a URL names, by its address; None: it does not answer.

    A sentinel that does not know the name at all says nothing: empty.
    """
    named: dict[str, str | None] = {}
    for host, port in read_sentinel_url(url).sentinels:
        with Redis(host, port, **ASKING) as sentinel:
            try:
                found = sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", master)
            except RedisError:
                named[f"{host}:{port}"] = None
                continue
        named[f"{host}:{port}"] = b":".join(found).decode() if found else ""
    return named
