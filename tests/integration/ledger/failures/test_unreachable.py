"""A database that cannot be written to: the claim is given back, and no trade is blamed."""

from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.support.builders import PARTITION, entry, submission
from tests.support.ledger.fixtures import MakeLedger
from tests.support.ledger.ledger_snapshot import capture, captured, waiting_trades
from tradecapture.ledger import Ledger, LedgerUnavailableError
from tradecapture.local.servers.ports import free_port
from tradecapture.settings import Settings


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://nobody@127.0.0.1:{port}/ledger",
        "sqlite:////nowhere/at/all/ledger.db",
    ],
    ids=["postgresql", "sqlite"],
)
def test_a_database_out_of_reach_is_an_error_of_its_own(settings: Settings, url: str) -> None:
    """Not the trades' fault: the claim is given back, and nothing is parked."""
    database_url = url.format(port=free_port())
    ledger = Ledger(replace(settings, database_url=database_url, retry_attempts=2))
    with pytest.raises(LedgerUnavailableError, match="the ledger's database: "):
        capture(ledger, *waiting_trades(2))


def test_a_sqlite_file_that_another_writes_to_is_waited_for(
    settings: Settings, sqlite_database: Path, tmp_path: Path
) -> None:
    """One writer at a time: the claim is given back if the other takes too long."""
    file = tmp_path / "ledger.db"
    file.write_bytes(sqlite_database.read_bytes())
    url = f"sqlite:///{file}"
    ledger = Ledger(replace(settings, database_url=url, retry_attempts=2, connect_seconds=0.05))
    other = Ledger(replace(settings, database_url=url))
    with other.engine.begin(), pytest.raises(LedgerUnavailableError, match="locked"):
        capture(ledger, *waiting_trades(2))
    assert capture(ledger, *waiting_trades(2)) == [captured(PARTITION, 2)]


@pytest.mark.parametrize(
    "options",
    ["-c default_transaction_read_only=on", "-c statement_timeout=1ms"],
    ids=["a standby after a failover", "a time limit of the administrator"],
)
def test_what_the_server_refuses_is_no_trades_fault(make_ledger: MakeLedger, options: str) -> None:
    """Or a healthy trade of each partition would be parked, and every partition halted."""
    ledger = make_ledger(options, retry_attempts=2)
    with pytest.raises(LedgerUnavailableError):
        capture(ledger, *(entry(submission(f"T-{n}", f"B{n}")) for n in range(2000)))


def test_a_sqlite_file_that_may_not_be_written_is_no_trades_fault(
    settings: Settings, sqlite_database: Path, tmp_path: Path
) -> None:
    """A volume that was mounted read-only gives the claim back too."""
    file = tmp_path / "ledger.db"
    file.write_bytes(sqlite_database.read_bytes())
    url = f"sqlite:///file:{quote(str(file))}?mode=ro&uri=true"
    ledger = Ledger(replace(settings, database_url=url, retry_attempts=2))
    with pytest.raises(LedgerUnavailableError, match="readonly"):
        capture(ledger, *waiting_trades(1))
