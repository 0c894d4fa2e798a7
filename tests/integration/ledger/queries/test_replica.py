"""The readers on each database: a copy that no longer follows stands for a replica behind."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import SQLAlchemyError

from tests.support.builders import entry, numbered, submission
from tests.support.ledger.ledger_snapshot import capture
from tradecapture.ledger import ExceptionRow, Ledger, LedgerReader, TradeRow
from tradecapture.ledger.queries.replica import ReplicaReader, make_replica_reader
from tradecapture.ledger.queries.trade_filter import TradeFilter
from tradecapture.settings import Settings, SettingsError
from tradecapture.trades.lifecycle import Outcome


@pytest.fixture
def behind(
    settings: Settings, sqlite_database: Path, tmp_path: Path
) -> tuple[Ledger, ReplicaReader]:
    """A ledger, and readers whose replica has its first three trades only, one of them captured."""
    file, copy = (tmp_path / name for name in ("ledger.db", "copy.db"))
    shutil.copy(sqlite_database, file)
    here = replace(settings, database_url=f"sqlite:///{file}", replica_url=f"sqlite:///{copy}")
    ledger = Ledger(here)
    far = submission("far", sequenceNumber=5000)
    capture(ledger, entry(submission("T-1"), 1), entry(numbered(2), 2), entry(far, 3))
    ledger.dispose()
    shutil.copy(file, copy)
    capture(ledger, entry(numbered(1), 4), entry(submission("T-2"), 5), fence=2)
    capture(ledger, entry(submission("far"), 6), fence=3)
    return ledger, make_replica_reader(here, pool_size=1)


def test_only_a_captured_trade_is_taken_from_the_replica(
    behind: tuple[Ledger, ReplicaReader],
) -> None:
    """What it lacks, or has in another state, is asked of the ledger."""
    _ledger, readers = behind
    assert readers.replica is not None
    assert isinstance(readers.replica.trade("N-2"), ExceptionRow)
    assert readers.replica.outcomes(["far"]) == {"far": Outcome.REJECTED}
    captured = ["T-1", "N-1", "N-2", "T-2", "far"]
    for trade_id in captured:
        assert isinstance(readers.trade(trade_id), TradeRow)
    assert readers.trade("T-9") is None
    assert readers.outcomes([*captured, "T-9"]) == dict.fromkeys(captured, Outcome.CAPTURED)
    readers.close()


def test_a_search_is_the_replicas(behind: tuple[Ledger, ReplicaReader]) -> None:
    """As old as it is."""
    _ledger, readers = behind
    page = readers.may_be_stale(lambda ledger: ledger.search(TradeFilter(), None, 10))
    assert [trade.trade_id for trade in page.trades] == ["N-2", "far", "T-1"]
    readers.close()


def test_an_error_of_the_ledger_itself_is_the_readers(settings: Settings, tmp_path: Path) -> None:
    """Where neither answers, whoever asks is told."""
    nowhere = f"sqlite:///{tmp_path}/no/ledger.db"
    readers = make_replica_reader(replace(settings, database_url=nowhere, replica_url=nowhere), 1)
    with pytest.raises(SQLAlchemyError):
        readers.trade("T-1")
    readers.close()


def test_a_wrong_url_names_its_own_variable() -> None:
    """Without its password."""
    for url in ("oracle://desk:s3cret@host/ledger", "://"):
        with pytest.raises(SettingsError, match="TRADECAPTURE_REPLICA_URL") as refused:
            make_replica_reader(Settings(replica_url=url), 1)
        assert "s3cret" not in str(refused.value)


def test_a_ledger_is_no_replica_of_its_own(ledger: Ledger, reader: LedgerReader) -> None:
    """Each database that can follow another says that this one takes writes."""
    facts = reader.replication_facts()
    assert facts.get("read_only") == (None if ledger.dialect.name == "sqlite" else "no")
