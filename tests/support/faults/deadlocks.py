"""Ways to make captures deadlock in PostgreSQL, and the server's count of deadlocks."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from sqlalchemy import Connection, Engine, create_engine, make_url, text

from tradecapture.capture.gateway import Gateway
from tradecapture.inbox.keys import lane_keys
from tradecapture.local.servers.server import wait_until

# PostgreSQL's deadlock_timeout. A backend checks for a deadlock once, after it has waited this long
# for a lock. The captures check soon, after the hostile transaction has completed the cycle, and
# are therefore the ones that PostgreSQL rolls back.
OURS, HOSTILE = "300ms", "60s"
BLOCKED_SECONDS = 1.0  # the maximum wait for a capture to reach the locked row
FORGED_SECONDS = 0.02  # between two forgeries: about the length of a transaction

_DEADLOCKS = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
_KEYS = text("SELECT partition_key FROM partitions ORDER BY partition_key")
_LOCK_ONE = text("SELECT 1 FROM partitions WHERE partition_key = :key FOR UPDATE")
_LOCK_ALL = text("SELECT 1 FROM partitions ORDER BY partition_key DESC FOR UPDATE")
_BLOCKS = text(
    "SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY"
    " (pg_blocking_pids(pid))"
)


def with_deadlock_timeout(url: str, timeout: str) -> str:
    """Return a URL whose connections use a deadlock_timeout, such as 300ms."""
    options = {"options": f"-c deadlock_timeout={timeout}"}
    return make_url(url).update_query_dict(options).render_as_string(hide_password=False)


def deadlocks(engine: Engine) -> int:
    """Return how many deadlocks PostgreSQL has found in this database, up to a second ago."""
    with engine.connect() as connection:
        return int(connection.execute(_DEADLOCKS).scalar_one())


@contextmanager
def hostile_transactions(url: str) -> Iterator[None]:
    """Repeatedly lock the partitions' rows in the opposite order to that of the captures."""
    engine = create_engine(with_deadlock_timeout(url, HOSTILE))
    random = Random(7)

    def attack() -> None:
        with engine.begin() as connection:
            keys = list(connection.execute(_KEYS).scalars())
            if not keys:
                return
            # A capture locks rows in ascending order, so it already holds rows when it reaches
            # one of the upper half.
            locked_key = random.choice(keys[len(keys) // 2 :])
            connection.execute(_LOCK_ONE, {"key": locked_key})
            if wait_until(lambda: _blocks(connection), BLOCKED_SECONDS):
                connection.execute(_LOCK_ALL)

    with _repeating(attack, 0.0):
        yield
    engine.dispose()


@contextmanager
def forged_claims(gateway: Gateway) -> Iterator[None]:
    """Repeatedly delete every claim's lease and ring, so that claims of a partition overlap."""

    def forge() -> None:
        claimed = [row for row in gateway.inbox_reader.partitions() if row.owner is not None]
        for row in claimed:
            keys = lane_keys(row.lane)
            gateway.redis.delete(keys.lock(row.partition_key))
            gateway.redis.zadd(keys.due, {row.partition_key: 0})
        gateway.bell.ring(sorted({row.lane for row in claimed}))

    with _repeating(forge, FORGED_SECONDS):
        yield


def _blocks(connection: Connection) -> bool:
    return bool(connection.execute(_BLOCKS).scalar_one())


@contextmanager
def _repeating(work: Callable[[], None], pause_seconds: float) -> Iterator[None]:
    stopping = threading.Event()

    def run() -> None:
        while not stopping.is_set():
            work()
            time.sleep(pause_seconds)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()
