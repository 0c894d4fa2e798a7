"""Reads that may come from the read replica, and from the ledger while the replica fails."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

import structlog
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.ledger import check_schema
from tradecapture.ledger.engine import make_engine
from tradecapture.ledger.queries.search import TradeSearch
from tradecapture.ledger.rows import ExceptionRow, TradeRow
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome

# How long a replica that failed is not asked. After it, one read tries the replica again and waits
# for the connection to time out if it is still away; the other reads go to the ledger.
RETRY_SECONDS = 5.0

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


class ReplicaReader:
    """Reads from the replica, if there is one, and from the ledger. Safe to use from many threads.

    A replica may lag, so we trust it only when it says "captured", which is final. A missing or
    parked trade is looked up on the primary. So no reader sees a trade lose an outcome that it had.
    """

    def __init__(
        self,
        ledger: TradeSearch,
        replica: TradeSearch | None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to read; `now` is a clock in seconds."""
        self.ledger, self.replica, self._now = ledger, replica, now
        self._lock = Lock()
        self._retry_at: float | None = None  # None: the replica works

    def trade(self, trade_id: str) -> TradeRow | ExceptionRow | None:
        """Return a captured trade; failing that its last exception; failing that None."""
        answer = self._ask_replica(lambda replica: replica.trade(trade_id))
        if answer is not None and isinstance(answer[0], TradeRow):
            return answer[0]
        return self.ledger.trade(trade_id)

    def outcomes(self, trade_ids: Sequence[str]) -> dict[str, Outcome]:
        """Return the outcome of each of many trades that has one; a buffered one has none yet."""
        answer = self._ask_replica(lambda replica: replica.outcomes(trade_ids))
        replicated = answer[0] if answer is not None else {}
        outcomes: dict[str, Outcome] = {
            trade_id: outcome
            for trade_id, outcome in replicated.items()
            if outcome is Outcome.CAPTURED
        }
        if others := [trade_id for trade_id in trade_ids if trade_id not in outcomes]:
            outcomes |= self.ledger.outcomes(others)
        return outcomes

    def may_be_stale(self, query: Callable[[TradeSearch], Answer]) -> Answer:
        """Run a query whose answer may be some seconds old: a search or a report."""
        answer = self._ask_replica(query)
        return query(self.ledger) if answer is None else answer[0]

    def close(self) -> None:
        """Close all connections."""
        for reader in (self.ledger, self.replica):
            if reader is not None:
                reader.engine.dispose()

    def _ask_replica(self, query: Callable[[TradeSearch], Answer]) -> tuple[Answer] | None:
        """Return the replica's answer in a tuple; None: it gives none at the moment."""
        if self.replica is None or not self._may_ask():
            return None
        try:
            answer = query(self.replica)
        except SQLAlchemyError as error:
            self._note_failure(error)
            return None
        self._note_success()
        return (answer,)

    def _may_ask(self) -> bool:
        with self._lock:
            if self._retry_at is None:
                return True
            if self._now() < self._retry_at:
                return False
            # This read alone tries the replica; others do not wait for it.
            self._retry_at = self._now() + RETRY_SECONDS
            return True

    def _note_failure(self, error: SQLAlchemyError) -> None:
        with self._lock:
            first, self._retry_at = self._retry_at is None, self._now() + RETRY_SECONDS
        if first:
            log.warning("the replica fails; reading from the ledger itself", error=str(error))

    def _note_success(self) -> None:
        with self._lock:
            had_failed, self._retry_at = self._retry_at is not None, None
        if had_failed:
            log.warning("the replica answers again")


def make_replica_reader(settings: Settings, pool_size: int) -> ReplicaReader:
    """Return a reader with so many connections to each database. It connects at the first query.

    Raises:
        SettingsError: a URL is of no database that the ledger can use.
    """
    ledger = TradeSearch(*make_engine(settings, pool_size=pool_size))
    replica = None
    if settings.replica_url:
        replica = TradeSearch(*make_engine(settings, pool_size=pool_size, replica=True))
    return ReplicaReader(ledger, replica)


@contextmanager
def open_replica_reader(settings: Settings) -> Iterator[ReplicaReader]:
    """Open the ledger and its replica, if there is one, and close both in the end.

    Raises:
        SchemaError: the ledger does not have this release's tables.
        SettingsError: a URL is of no database that the ledger can use.
        sqlalchemy.exc.SQLAlchemyError: the ledger does not answer.
    """
    reader = make_replica_reader(settings, pool_size=1)
    try:
        check_schema(reader.ledger.engine)
        yield reader
    finally:
        reader.close()
