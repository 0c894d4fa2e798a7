"""The readers: what may lag is read from the replica while it answers, the rest from the ledger."""

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

# How long a replica that has failed is left alone: then one read tries it again, and waits for the
# connect to time out if it is still away, while the others read from the ledger.
REST_SECONDS = 5.0

Answer = TypeVar("Answer")

log = structlog.get_logger(__name__)


class ReplicaReader:
    """The ledger's own database and, if there is one, its replica. Safe to use from many threads.

    A replica may be behind, so its word is taken only where that does no harm: a trade that it has
    as captured is captured for good; that it has none, or has one as parked, says nothing. So no
    reader that saw an outcome ever sees the trade go back. Nothing is judged by a replica.
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
        self._again_at: float | None = None  # when a replica that failed is asked again

    def trade(self, trade_id: str) -> TradeRow | ExceptionRow | None:
        """Return a captured trade; failing that its last exception; failing that None."""
        found = self._of_replica(lambda replica: replica.trade(trade_id))
        if found is not None and isinstance(found[0], TradeRow):
            return found[0]
        return self.ledger.trade(trade_id)

    def outcomes(self, trade_ids: Sequence[str]) -> dict[str, Outcome]:
        """Return the outcome of each of many trades that has one; a buffered one has none yet."""
        found = self._of_replica(lambda replica: replica.outcomes(trade_ids))
        outcomes = found[0] if found is not None else {}
        ended: dict[str, Outcome] = {
            trade_id: outcome
            for trade_id, outcome in outcomes.items()
            if outcome is Outcome.CAPTURED
        }
        if rest := [trade_id for trade_id in trade_ids if trade_id not in ended]:
            ended |= self.ledger.outcomes(rest)
        return ended

    def may_be_stale(self, question: Callable[[TradeSearch], Answer]) -> Answer:
        """Ask what may be some seconds old: a search or a report, never a verdict."""
        found = self._of_replica(question)
        return question(self.ledger) if found is None else found[0]

    def close(self) -> None:
        """Close all connections."""
        for reader in (self.ledger, self.replica):
            if reader is not None:
                reader.engine.dispose()

    def _of_replica(self, question: Callable[[TradeSearch], Answer]) -> tuple[Answer] | None:
        """Return the replica's answer; None: it has none just now."""
        if self.replica is None or not self._may_ask():
            return None
        try:
            answer = question(self.replica)
        except SQLAlchemyError as error:
            self._note_failure(error)
            return None
        self._note_success()
        return (answer,)

    def _may_ask(self) -> bool:
        with self._lock:
            if self._again_at is None:
                return True
            if self._now() < self._again_at:
                return False
            # Only this read tries; those that come meanwhile do not wait with it.
            self._again_at = self._now() + REST_SECONDS
            return True

    def _note_failure(self, error: SQLAlchemyError) -> None:
        with self._lock:
            first, self._again_at = self._again_at is None, self._now() + REST_SECONDS
        if first:
            log.warning("the replica fails; reading from the ledger itself", error=str(error))

    def _note_success(self) -> None:
        with self._lock:
            failed, self._again_at = self._again_at is not None, None
        if failed:
            log.warning("the replica answers again")


def make_replica_reader(settings: Settings, pool_size: int) -> ReplicaReader:
    """Return readers with so many connections to each database; connected at the first question.

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
    """Open the ledger and its replica, if there is one, for what may be read from either.

    Raises:
        SchemaError, SettingsError, sqlalchemy.exc.SQLAlchemyError: as `open_ledger`.
    """
    readers = make_replica_reader(settings, pool_size=1)
    try:
        check_schema(readers.ledger.engine)
        yield readers
    finally:
        readers.close()
