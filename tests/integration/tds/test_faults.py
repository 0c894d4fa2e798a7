"""Faults of a SQL Server, as its driver raises them, and what the ledger makes of each."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pymssql
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from tests.support.builders import NOW, PARTITION, claim, entry, submission
from tests.support.ledger.ledger_snapshot import (
    TASK,
    capture,
    count,
    shares,
    trade_rows,
    waiting_trades,
)
from tests.support.ledger.sql_server_driver import DATABASE, connect
from tests.support.tds import TdsServer
from tests.support.tds.faults import Fault, FaultSequence, Moment, RandomFaults
from tradecapture.ledger import Ledger, LedgerUnavailableError
from tradecapture.ledger.dialects.mssql.errors import DISCONNECT_NUMBERS, error_numbers
from tradecapture.ledger.schema.tables import exceptions
from tradecapture.settings import Settings

NUMBERS = (1205, 1222, 3960, 40613, 9002)
CAPTURES = 60

CUTS = {
    "at the login": Fault(Moment.CONNECT),
    "at the login, reset": Fault(Moment.CONNECT, reset=True),
    "at BEGIN": Fault(Moment.BEGIN),
    "at the lock": Fault(Moment.EXECUTE, matching="UPDLOCK"),
    "at the lock, reset": Fault(Moment.EXECUTE, matching="UPDLOCK", reset=True),
    "within the answer to the lock": Fault(Moment.EXECUTE, matching="UPDLOCK", done=True),
    "at the insert": Fault(Moment.EXECUTE, matching="INSERT INTO trades"),
    "after the insert": Fault(Moment.EXECUTE, matching="INSERT INTO trades", done=True),
    "after the last statement": Fault(Moment.EXECUTE, matching="UPDATE p SET", done=True),
    "before the commit": Fault(Moment.COMMIT),
    "before the commit, reset": Fault(Moment.COMMIT, reset=True),
    "after the commit": Fault(Moment.COMMIT, done=True),
    "after the commit, reset": Fault(Moment.COMMIT, done=True, reset=True),
}


@pytest.fixture
def patient(server: TdsServer, settings: Settings) -> Iterator[Ledger]:
    """A ledger that does not give up before random faults let it through."""
    url = server.url_of(DATABASE)
    ledger = Ledger(replace(settings, database_url=url, pool_size=1, retry_attempts=30))
    yield ledger
    ledger.dispose()


@pytest.mark.parametrize("number", NUMBERS)
def test_an_error_of_a_statement_has_its_number_first(server: TdsServer, number: int) -> None:
    """The shape of execute: number and bytes."""
    connection = connect(server)
    server.faults = FaultSequence(Fault(Moment.EXECUTE, number))
    with connection.cursor() as cursor, pytest.raises(pymssql.OperationalError) as failed:
        cursor.execute("SELECT 1 AS one")
    assert failed.value.args[0] == number
    assert isinstance(failed.value.args[1], bytes)
    connection.close()


@pytest.mark.parametrize("number", NUMBERS)
def test_an_error_of_a_login_is_a_tuple_in_a_tuple(server: TdsServer, number: int) -> None:
    """The shape of connect."""
    server.faults = FaultSequence(Fault(Moment.CONNECT, number))
    with pytest.raises(pymssql.OperationalError) as failed:
        connect(server)
    ((_number, message),) = failed.value.args
    # Which number it is depends on the process's past (see `is_no_connection`); the text does not.
    assert isinstance(message, bytes)


@pytest.mark.parametrize("number", NUMBERS)
def test_an_error_of_a_commit_is_a_text(server: TdsServer, number: int) -> None:
    """The shape of commit: the number is found in the text."""
    connection = connect(server)
    server.faults = FaultSequence(Fault(Moment.COMMIT, number))
    with pytest.raises(pymssql.OperationalError) as failed:
        connection.commit()
    assert failed.value.args[0].startswith(f"Cannot commit transaction: ({number}, ")
    assert number in error_numbers(failed.value)
    connection.close()


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize(
    "moment", [Moment.CONNECT, Moment.EXECUTE, Moment.COMMIT], ids=lambda moment: moment.value
)
def test_an_error_that_passes_is_tried_again(
    server: TdsServer, ledger: Ledger, moment: Moment, number: int
) -> None:
    """Whatever the shape it comes in: in a new transaction, with one effect."""
    server.faults = faults = FaultSequence(Fault(moment, number))
    capture(ledger, *waiting_trades(3))
    assert faults.remaining == 0
    assert shares(ledger) == 3000
    assert transactions_after_errors_are_new(server)


@pytest.mark.parametrize("where", CUTS)
def test_a_connection_that_is_cut_has_one_effect(
    server: TdsServer, ledger: Ledger, where: str
) -> None:
    """Wherever it is cut, the commit's answer included: each trade once, in order."""
    server.faults = faults = FaultSequence(CUTS[where])
    capture(ledger, *waiting_trades(3))
    assert faults.remaining == 0
    assert [(row.position, row.ledger_sequence) for row in trade_rows(ledger)] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]
    assert shares(ledger) == 3000


@pytest.mark.parametrize("done", [False, True], ids=["undone", "done"])
def test_after_a_commit_that_failed_a_transaction_is_open_again(
    server: TdsServer, engine: Engine, *, done: bool
) -> None:
    """The driver leaves the connection without one, in which each statement commits by itself."""
    server.faults = FaultSequence(Fault(Moment.COMMIT, 1205, done=done))
    with engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("SELECT 1 AS one"))
        connection.commit()
    with engine.connect() as connection:
        server.journal.clear()
        connection.execute(text("SELECT 1 AS one"))
        assert [what for _session, what in server.journal.entries] == ["statement"]


def test_a_park_whose_answer_was_lost_has_one_effect(server: TdsServer, ledger: Ledger) -> None:
    """The partition is halted once, by one recorded trade."""
    server.faults = FaultSequence(Fault(Moment.COMMIT, done=True))
    at_fault = entry(submission())
    verdict = ledger.park(claim(at_fault), at_fault, "reason", TASK, lambda: NOW)
    assert (verdict.trades, verdict.hold) == (1, "reason")
    assert count(ledger.engine, exceptions) == 1


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("done", [False, True], ids=["before", "within the answer"])
def test_a_connection_that_is_lost_is_thrown_away(
    server: TdsServer, engine: Engine, figure: Callable[[str], None], *, done: bool, reset: bool
) -> None:
    """SQLAlchemy is told so: it would put the connection back and hand it out again."""
    server.faults = FaultSequence(Fault(Moment.EXECUTE, done=done, reset=reset, matching="fox"))
    with engine.connect() as connection:
        with pytest.raises(DBAPIError) as failed:
            connection.execute(text("SELECT 'fox' AS fox"))
        numbers = error_numbers(failed.value.orig or failed.value)
        figure(f"a cut connection raises {type(failed.value.orig).__name__} {sorted(numbers)}")
        assert numbers & DISCONNECT_NUMBERS
        assert failed.value.connection_invalidated
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 'fox' AS fox")).scalar_one() == "fox"
    assert len(server.logins) == 2


@pytest.mark.parametrize("number", [20002, 20003, 20004, 20006, 20047])
def test_every_number_of_a_lost_connection_is_known(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """SQLAlchemy knows only some of DB-Library's; whichever it is, the connection is dropped."""

    def lost(*_arguments: Any, **_more: Any) -> None:
        raise pymssql.OperationalError(number, b"DB-Lib error message, severity 9")

    with engine.connect() as connection:
        monkeypatch.setattr(engine.dialect, "do_execute", lost)
        with pytest.raises(DBAPIError) as failed:
            connection.exec_driver_sql("SELECT 1 AS one")
        assert failed.value.connection_invalidated


def test_every_capture_succeeds_however_often_it_fails(
    server: TdsServer, patient: Ledger, figure: Callable[[str], None]
) -> None:
    """Deadlocks, time-outs, snapshot conflicts and cuts in half of the transactions."""
    faults = [
        *(Fault(Moment.EXECUTE, number) for number in (1205, 1222, 3960)),
        *(Fault(Moment.COMMIT, number) for number in (1205, 3960)),
        *(Fault(Moment.EXECUTE, done=done, reset=done) for done in (False, True)),
        *(Fault(Moment.COMMIT, done=done) for done in (False, True)),
    ]
    server.faults = plan = RandomFaults(seed=7, share=0.5, faults=faults, statements=5)
    for number in range(1, CAPTURES + 1):
        capture(patient, *waiting_trades(1, first=number), fence=number)
    figure(f"{CAPTURES} of {CAPTURES} captures succeeded through {len(plan.injected)} faults")
    assert len({(fault.moment, fault.number, fault.done) for fault in plan.injected}) == len(faults)
    rows = [(row.position, row.ledger_sequence) for row in trade_rows(patient)]
    assert rows == [(number, number) for number in range(1, CAPTURES + 1)]
    assert shares(patient, PARTITION) == 1000 * CAPTURES
    assert transactions_after_errors_are_new(server)


def test_what_is_not_over_gives_the_claim_back(server: TdsServer, ledger: Ledger) -> None:
    """After so many attempts, each in a transaction of its own; no trade is blamed."""
    server.faults = FaultSequence(*(Fault(Moment.EXECUTE, 1205) for _ in range(5)))
    with pytest.raises(LedgerUnavailableError, match="1205"):
        capture(ledger, *waiting_trades(3))
    assert server.journal.count("error 1205") == 5
    assert trade_rows(ledger) == []


def transactions_after_errors_are_new(server: TdsServer) -> bool:
    """Return whether no session went on in a transaction in which it had an error."""
    doomed: set[int] = set()
    for session, what in list(server.journal.entries):
        if what in ("statement", "commit") and session in doomed:
            return False
        if what.startswith("error 3903"):
            continue  # the rollback of a transaction that the server has ended already
        if what.startswith("error"):
            doomed.add(session)
        elif what == "begin":
            doomed.discard(session)
    return True
