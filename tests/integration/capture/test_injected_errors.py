"""Injected errors of SQL Server lose no trade, and each retry is a new transaction.

The driver is the real one. Errors of the server come from its stand-in, over the wire. Errors that
only a network can cause are raised in the driver's dialect, in the form that pymssql raises.
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from random import Random
from typing import Any

import pymssql
import pytest
from redis import Redis
from sqlalchemy import Engine, event, make_url
from sqlalchemy.engine import ExceptionContext

from tests.support.builders import partition_of, submissions
from tests.support.capture.worker import Worker, ids
from tests.support.ledger.retrying_inside import RetryingInside
from tests.support.servers.databases import MSSQL_VARIABLE
from tests.support.tds import TdsServer
from tests.support.tds.faults import Fault, FaultSequence, Moment, no_fault
from tests.support.tds.journal import Journal
from tradecapture.ledger import Ledger
from tradecapture.ledger.dialects.mssql.errors import error_numbers
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.settings import Settings

pytestmark = [
    pytest.mark.mssql,
    pytest.mark.parametrize("ledger_url", ["mssql"], indirect=True),
    pytest.mark.skipif(
        MSSQL_VARIABLE in os.environ, reason="a real server lets no errors be injected"
    ),
]

BOOKS, TRADES_PER_BOOK = [f"B{number}" for number in range(10)], 60
TRADES = len(BOOKS) * TRADES_PER_BOOK
BATCH_TRADES = 10  # per transaction; after the first transaction, each is of one book
FAULT_SHARE = 0.5  # of the matching moments, so that some attempts of each capture succeed
DRIVER_SHARE = 0.1  # of the driver's calls; a capture makes about eight

DEADLOCK, LOCK_TIMEOUT, SNAPSHOT_CONFLICT = 1205, 1222, 3960
DISCONNECTS = (20002, 20003, 20004, 20006, 20047)
# A text of each statement of a capture.
STATEMENT_TEXTS = ("FROM partitions", "FROM trades", "INTO trades", "UPDATE p")


@pytest.fixture(scope="module")
def stand_in(postgresql_server: PostgresqlServer) -> Iterator[TdsServer]:
    """A stand-in for this module, on the same databases as the shared stand-in."""
    with TdsServer(postgresql_server.url) as server:
        yield server


@pytest.fixture(params=[Ledger])
def worker(
    request: pytest.FixtureRequest,
    redis: "Redis",
    stand_in: TdsServer,
    ledger_settings: Settings,
) -> Iterator[Worker]:
    """A worker on the stand-in for which all trades wait; a test can replace its ledger class."""
    database = make_url(ledger_settings.database_url).database
    assert database is not None
    settings = replace(
        ledger_settings, database_url=stand_in.url_of(database), batch_trades=BATCH_TRADES
    )
    worker = Worker(redis, settings, ledger=request.param(settings))
    for first in range(0, TRADES_PER_BOOK, BATCH_TRADES):
        for book in BOOKS:
            worker.accept(*submissions(BATCH_TRADES, book, first + 1))
    worker.reader.ping()  # a capture does not include SQLAlchemy's first queries
    stand_in.journal.clear()
    yield worker
    stand_in.faults = no_fault
    worker.ledger.dispose()


def server_faults() -> Iterator[Fault]:
    """Yield each error at each moment; CONNECT comes after cuts, which force a reconnect."""
    for number in (DEADLOCK, LOCK_TIMEOUT, SNAPSHOT_CONFLICT):
        yield from (Fault(Moment.EXECUTE, number, matching=words) for words in STATEMENT_TEXTS)
        yield Fault(Moment.BEGIN, number)
        yield Fault(Moment.COMMIT, number)
        yield Fault(Moment.COMMIT, number, done=True)
    for reset in (False, True):
        for words in STATEMENT_TEXTS:
            yield Fault(Moment.EXECUTE, reset=reset, matching=words)
            yield Fault(Moment.EXECUTE, reset=reset, matching=words, done=True)
        yield Fault(Moment.BEGIN, reset=reset)
        yield Fault(Moment.CONNECT, reset=reset)
        yield Fault(Moment.COMMIT, reset=reset)
        yield Fault(Moment.COMMIT, reset=reset, done=True)


def test_errors_of_the_server_at_every_moment_cost_no_trade(
    worker: Worker, stand_in: TdsServer, figure: Callable[[str], None]
) -> None:
    """Deadlocks, lock time-outs, snapshot conflicts and cut connections lose no trade."""
    seen = _numbers_seen(worker.ledger.engine)
    planned = list(server_faults())
    faults, random = FaultSequence(*planned), Random(7)
    stand_in.faults = lambda moment, text: (
        faults(moment, text) if random.random() < FAULT_SHARE else None
    )
    worker.drain_until(lambda: worker.waiting() == {})
    stand_in.faults = no_fault
    assert faults.remaining == 0
    assert seen.keys() >= {DEADLOCK, LOCK_TIMEOUT, SNAPSHOT_CONFLICT}
    assert_each_retry_is_a_new_transaction(stand_in.journal)
    assert_all_are_captured(worker)
    figure(
        f"{len(planned)} errors of SQL Server injected in {TRADES:,} trades, seen as "
        f"{', '.join(map(str, sorted(seen)))}: all are captured"
    )


@pytest.mark.parametrize("number", [DEADLOCK, LOCK_TIMEOUT, SNAPSHOT_CONFLICT, *DISCONNECTS])
def test_errors_of_the_driver_at_every_moment_cost_no_trade(
    worker: Worker, stand_in: TdsServer, figure: Callable[[str], None], number: int
) -> None:
    """Errors of pymssql at connect, begin, a statement or around a commit lose no trade."""
    with _failing(worker.ledger.engine, number) as error_counts:
        worker.drain_until(lambda: worker.waiting() == {})
    moments = {"do_begin", "do_execute", "before do_commit", "after do_commit"}
    if number in DISCONNECTS:
        moments.add("connect")  # after other errors the connection is kept
    assert error_counts.keys() >= moments
    assert_each_retry_is_a_new_transaction(stand_in.journal)
    assert_all_are_captured(worker)
    figure(
        f"pymssql's {number}, {error_counts.total()} times in {TRADES:,} trades: all are captured"
    )


@pytest.mark.parametrize("worker", [RetryingInside], indirect=True)
def test_a_retry_within_the_doomed_transaction_is_seen(worker: Worker, stand_in: TdsServer) -> None:
    """The check fails for a retry inside a transaction that the server has rolled back."""
    stand_in.faults = FaultSequence(Fault(Moment.EXECUTE, DEADLOCK, matching="INTO trades"))
    worker.drain(budget_seconds=0)
    stand_in.faults = no_fault
    with pytest.raises(AssertionError):
        assert_each_retry_is_a_new_transaction(stand_in.journal)
    assert stand_in.journal.count("alone")


def assert_each_retry_is_a_new_transaction(journal: Journal) -> None:
    """Check that each statement and commit is in a transaction that began after any error."""
    assert not journal.refusals
    assert journal.count("alone") == 0
    last: dict[int, str] = {}
    for entry in list(journal.entries):
        if entry.what in {"statement", "commit"}:
            # The begin of such a session may have been in the journal before it was emptied.
            before = last.get(entry.session, "begin")
            assert before in {"begin", "statement"}, f"{entry} after {before}"
        last[entry.session] = entry.what


def assert_all_are_captured(worker: Worker) -> None:
    """Check that nothing is held and each book's trades are captured once, in order."""
    assert worker.held() == {}
    assert worker.captured() == {partition_of(book): ids(book, TRADES_PER_BOOK) for book in BOOKS}
    worker.assert_all_is_accounted_for()


def _numbers_seen(engine: Engine) -> Counter[int]:
    """Return a counter of the error numbers that the driver raises from now on."""
    seen: Counter[int] = Counter()

    @event.listens_for(engine, "handle_error")
    def _note(context: ExceptionContext) -> None:
        seen.update(error_numbers(context.original_exception))

    return seen


@contextmanager
def _failing(engine: Engine, number: int) -> Iterator[Counter[str]]:
    """Let the driver fail at random with an error; yield the number of failures by moment."""
    random, error_counts = Random(number), Counter[str]()
    text = f"({number}, b'text')"
    error_arguments: dict[str, tuple[Any, ...]] = {
        "connect": ((number, b"text"),),
        "do_begin": (f"Cannot begin transaction: {text}",),
        "do_execute": (number, b"text"),
        "do_commit": (f"Cannot commit transaction: {text}",),
    }

    def failing(name: str) -> Callable[..., Any]:
        original = getattr(engine.dialect, name)

        def maybe_fail(when: str) -> None:
            if random.random() < DRIVER_SHARE:
                error_counts[when] += 1
                raise pymssql.OperationalError(*error_arguments[name])

        def run(*arguments: Any, **options: Any) -> Any:
            commits = name == "do_commit"
            maybe_fail(f"before {name}" if commits else name)
            result = original(*arguments, **options)
            if commits:
                maybe_fail(f"after {name}")
            return result

        return run

    with pytest.MonkeyPatch.context() as patch:
        for name in error_arguments:
            patch.setattr(engine.dialect, name, failing(name))
        yield error_counts
