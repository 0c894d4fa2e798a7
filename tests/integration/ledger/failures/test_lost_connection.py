"""Lost connections: wherever one breaks, the batch has one effect."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, make_url, text

from tests.support.builders import NOW, PARTITION, claim, entry, submission
from tests.support.deployment.deployment import POSTGRESQL_SOCKET
from tests.support.ledger.fixtures import MakeLedger
from tests.support.ledger.ledger_snapshot import (
    TASK,
    capture,
    captured,
    count,
    nothing_new,
    shares,
    trade_rows,
    waiting_trades,
)
from tests.support.servers.proxies.proxy import Proxy
from tradecapture.ledger import Ledger
from tradecapture.ledger.schema.tables import exceptions
from tradecapture.settings import Settings

COMMIT = b"COMMIT\0"  # as psycopg sends it


def terminate_at(ledger: Ledger, database: Engine, statement: str) -> list[int]:
    """Cut the ledger's connection, once, when it has sent a statement that holds some words."""
    cut: list[int] = []

    @event.listens_for(ledger.engine, "after_cursor_execute")
    def _cut(connection: Any, _cursor: Any, sent: str, *_rest: Any) -> None:
        if statement in sent and not cut:
            cut.append(connection.connection.driver_connection.info.backend_pid)
            with database.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": cut[0]})

    return cut


@pytest.mark.parametrize(
    "statement",
    ["FOR UPDATE", "FROM trades", "UPDATE partitions"],
    ids=["before the reads", "before the COPY", "before the commit"],
)
def test_a_connection_that_is_cut_is_replaced(
    make_ledger: MakeLedger, database: Engine, statement: str
) -> None:
    """Wherever in the transaction it happens, the next attempt does it all, once."""
    ledger = make_ledger(pool_size=1)
    cut = terminate_at(ledger, database, statement)
    assert capture(ledger, *waiting_trades(3)) == [captured(PARTITION, 3)]
    assert len(cut) == 1
    assert shares(ledger) == 3000
    assert (
        capture(ledger, *waiting_trades(4), fence=2)[0].outcomes == captured(PARTITION, 1).outcomes
    )


@pytest.fixture
def proxied(
    postgresql_settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Proxy, str]]:
    """A proxy before the server, and the folder to connect to."""
    server_folder = make_url(postgresql_settings.database_url).query["host"]
    assert isinstance(server_folder, str)
    folder = tmp_path_factory.mktemp("cut")
    with Proxy(folder / POSTGRESQL_SOCKET, Path(server_folder) / POSTGRESQL_SOCKET) as proxy:
        yield proxy, str(folder)


def test_a_commit_whose_answer_was_lost_has_one_effect(
    make_ledger: MakeLedger, proxied: tuple[Proxy, str]
) -> None:
    """It had committed: the next attempt reads what is there and counts it as done."""
    proxy, folder = proxied
    ledger = make_ledger(host=folder)
    capture(ledger, *waiting_trades(1))
    proxy.lose_answers(COMMIT)
    (verdict,) = capture(ledger, *waiting_trades(3), fence=2)
    assert proxy.cuts == 1
    assert verdict == nothing_new(PARTITION, 3)
    assert [row.position for row in trade_rows(ledger)] == [1, 2, 3]
    assert shares(ledger) == 3000


def test_a_park_whose_answer_was_lost_has_one_effect(
    make_ledger: MakeLedger, proxied: tuple[Proxy, str]
) -> None:
    """The partition is halted once, by one recorded trade."""
    proxy, folder = proxied
    ledger = make_ledger(host=folder)
    proxy.lose_answers(COMMIT)
    at_fault = entry(submission())
    verdict = ledger.park(claim(at_fault), at_fault, "reason", TASK, lambda: NOW)
    assert proxy.cuts == 1
    assert (verdict.trades, verdict.hold) == (1, "reason")
    assert count(ledger.engine, exceptions) == 1
