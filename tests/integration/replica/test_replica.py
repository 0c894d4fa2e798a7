"""Reads with a replica: it takes load, never gives a wrong status, and stops no read when down."""

import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import pairwise

import pytest

from tests.support.builders import submission, submissions
from tests.support.capture.worker import Worker
from tests.support.servers.standby import Standby
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.status import read_status
from tradecapture.ledger.queries.replica import RETRY_SECONDS, ReplicaReader, make_replica_reader
from tradecapture.ledger.queries.trade_filter import TradeFilter
from tradecapture.local.servers.ports import LOOPBACK
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome, TradeState

QUICK_SECONDS = 1.0  # far below the 2 s that psycopg waits for a connect at least


def found(gateway: Gateway) -> list[str]:
    """Return the ids of the trades that a search finds."""
    return [trade.trade_id for trade in gateway.search(TradeFilter(), None, 100).trades]


def state(gateway: Gateway, trade_id: str) -> TradeState | None:
    """Return the status of a trade."""
    status = gateway.status(trade_id)
    return None if status is None else status.status


def test_the_replica_answers_for_captured_trades(
    worker: Worker, gateway: Gateway, standby: Standby, primary: PostgresqlServer
) -> None:
    """The replica answers status, outcomes and search, also while the ledger itself is down."""
    worker.accept(*submissions(3))
    worker.drain()
    standby.catch_up()
    ids = ["BOOK1-1", "BOOK1-2", "BOOK1-3"]
    worker.ledger.dispose()
    primary.stop()
    try:
        assert [state(gateway, trade_id) for trade_id in ids] == [TradeState.CAPTURED] * 3
        assert gateway.replica_reader.outcomes(ids) == dict.fromkeys(ids, Outcome.CAPTURED)
        assert found(gateway) == ids
    finally:
        primary.start()


def test_a_status_is_right_however_far_the_replica_is_behind(
    worker: Worker, gateway: Gateway, standby: Standby
) -> None:
    """A trade that left its inbox and is not on the replica yet is neither unknown nor waiting."""
    standby.hold_back()
    worker.accept(submission("T-1"))
    assert state(gateway, "T-1") is TradeState.ACCEPTED
    worker.drain()
    assert found(gateway) == []  # so it is the replica that is asked, and it is behind
    assert state(gateway, "T-1") is TradeState.CAPTURED
    assert gateway.replica_reader.outcomes(["T-1", "T-2"]) == {"T-1": Outcome.CAPTURED}
    assert state(gateway, "T-2") is None
    standby.go_on()
    assert found(gateway) == ["T-1"]


def test_states_never_go_back(worker: Worker, gateway: Gateway, standby: Standby) -> None:
    """Read at every moment of a trade's way, with the replica behind, level, or left alone.

    Once it has the trade as buffered, which is no more true.
    """
    order = [None, TradeState.ACCEPTED, TradeState.BUFFERED, TradeState.CAPTURED]
    seen: list[int] = []

    def look() -> None:
        seen.append(order.index(state(gateway, "N-2")))

    def twice(step: Callable[[], object]) -> None:
        step()
        look()
        look()

    twice(standby.hold_back)
    twice(lambda: worker.accept(submission("N-2", sequenceNumber=2)))
    twice(worker.drain)
    twice(standby.go_on)
    twice(standby.hold_back)
    twice(lambda: worker.accept(submission("N-1", sequenceNumber=1)))
    twice(worker.drain)
    twice(standby.kill)
    twice(standby.start)
    twice(standby.catch_up)
    assert all(before <= after for before, after in pairwise(seen))
    assert set(seen) == {0, 1, 2, 3}


def test_a_replica_that_is_away_stops_no_read(
    worker: Worker,
    gateway: Gateway,
    replicated: Settings,
    standby: Standby,
    logged: pytest.LogCaptureFixture,
) -> None:
    """Reads go on when the replica is killed, and use it again when it is back."""
    clock = [0.0]
    readers = make_replica_reader(replicated, pool_size=2)
    readers._now = lambda: clock[0]
    worker.accept(submission("T-1"))
    worker.drain()
    standby.catch_up()

    def status() -> TradeState | None:
        status = read_status(readers, gateway.inbox_reader, "T-1")
        return None if status is None else status.status

    assert status() is TradeState.CAPTURED
    standby.kill()
    try:
        logged.clear()
        began = time.monotonic()
        assert [status() for _ in range(20)] == [TradeState.CAPTURED] * 20
        assert time.monotonic() - began < 20 * QUICK_SECONDS
        clock[0] += RETRY_SECONDS
        assert status() is TradeState.CAPTURED  # the one that looks whether it is back
        (said,) = logged.messages
        assert said.startswith("event='the replica fails; reading from the ledger itself'")
    finally:
        standby.start()
    worker.accept(submission("T-2"))
    standby.hold_back()
    worker.drain()
    search = readers.may_be_stale(lambda ledger: ledger.search(TradeFilter(), None, 10))
    assert len(search.trades) == 2  # the ledger's own, until it is asked again
    clock[0] += RETRY_SECONDS
    search = readers.may_be_stale(lambda ledger: ledger.search(TradeFilter(), None, 10))
    assert len(search.trades) == 1
    standby.go_on()
    readers.close()


def test_a_silent_replica_is_waited_for_once(worker: Worker, replicated: Settings) -> None:
    """A replica that accepts connections and never answers delays one read in five seconds."""
    worker.accept(submission("T-1"))
    worker.drain()
    with socket.create_server((LOOPBACK, 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://desk@{LOOPBACK}:{port}/ledger"
        readers = make_replica_reader(
            replace(replicated, replica_url=url, connect_seconds=2), pool_size=4
        )
        clock = [0.0]
        readers._now = lambda: clock[0]
        assert readers.trade("T-1") is not None
        clock[0] += RETRY_SECONDS
        with ThreadPoolExecutor(4) as threads:
            began = time.monotonic()
            ends = sorted(threads.map(lambda _: _end_of(readers), range(20)))
        assert ends[-2] - began < QUICK_SECONDS
        readers.close()
        assert _waiting_connections(silent) == 2


def _end_of(readers: ReplicaReader) -> float:
    assert readers.trade("T-1") is not None
    return time.monotonic()


def _waiting_connections(server: socket.socket) -> int:
    server.setblocking(False)
    number = 0
    while True:
        try:
            server.accept()[0].close()
        except BlockingIOError:
            return number
        number += 1
