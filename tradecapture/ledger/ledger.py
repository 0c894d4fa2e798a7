"""The ledger: captures each claim in one transaction, and retries it from outside."""

from collections.abc import Callable
from typing import TypeVar

import structlog
from sqlalchemy import Connection
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from tradecapture.inbox import Claim, Entry
from tradecapture.ledger.engine import make_engine
from tradecapture.ledger.rules.decision import PartitionResult
from tradecapture.ledger.schema.upgrades import SchemaError, check_not_contracted
from tradecapture.ledger.transaction import Clock, LedgerTransaction
from tradecapture.settings import Settings

RETRY_FIRST_SECONDS = 0.01  # by then the other transaction of a deadlock is usually done
RETRY_MAX_SECONDS = 0.5  # ten such waits fit into the default lease
REASON_LENGTH = 500  # characters of an error kept with a parked trade: its first lines

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class LedgerUnavailableError(RuntimeError):
    """The database did not answer, or was too contended. No transaction was written in part."""


class Ledger:
    """Writes to the ledger. Each process makes its own, after the fork."""

    def __init__(self, settings: Settings) -> None:
        self.engine, self.dialect = make_engine(settings)
        self._transaction = LedgerTransaction(self.dialect, settings.sequence_window)
        # Bounded by the lease, too: after it, the fence would refuse the work.
        self._stop = stop_after_attempt(settings.retry_attempts) | stop_after_delay(
            settings.lease_seconds
        )

    def capture(self, claim: Claim, task_id: str, clock: Clock) -> list[PartitionResult]:
        """Capture a claim's trades in one transaction.

        Raises:
            LedgerUnavailableError: the database did not answer in time; try again later.
            Exception: a trade of the claim cannot be captured; nothing of the claim was.
        """
        return self._retried(
            lambda connection: self._transaction.capture(connection, claim, task_id, clock)
        )

    def park(
        self, claim: Claim, entry: Entry, reason: str, task_id: str, clock: Clock
    ) -> PartitionResult:
        """Park a trade at the head of its partition and halt the partition.

        Raises:
            LedgerUnavailableError: the database did not answer in time, or a newer release has
                contracted the schema since this process began, which is no trade's fault.
        """

        def work(connection: Connection) -> PartitionResult:
            check_not_contracted(connection)
            return self._transaction.park(connection, claim, entry, reason, task_id, clock)

        try:
            return self._retried(work)
        except SchemaError as error:
            raise LedgerUnavailableError(str(error)) from error

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _retried(self, work: Callable[[Connection], Result]) -> Result:
        """Run work in a transaction; run it again in a new one while that may help.

        A commit that raised an error may have succeeded: the next attempt reads the ledger again.
        """
        retrying = Retrying(
            stop=self._stop,
            wait=wait_random_exponential(multiplier=RETRY_FIRST_SECONDS, max=RETRY_MAX_SECONDS),
            retry=retry_if_exception(self.dialect.is_transient),
            before_sleep=_log_retry,
            reraise=True,
        )
        try:
            result: Result = retrying(self._once, work)
        except Exception as error:
            if self.dialect.is_transient(error) and not self.dialect.is_integrity_error(error):
                raise LedgerUnavailableError(f"the ledger's database: {error}") from error
            raise
        return result

    def _once(self, work: Callable[[Connection], Result]) -> Result:
        with self.engine.connect() as connection:
            # SQLAlchemy does not see that a COPY begins a transaction: without an explicit one, the
            # pool would roll it back instead of committing it.
            connection.begin()
            result = work(connection)
            connection.commit()
            return result


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("capture transaction retried", attempt=state.attempt_number, error=str(error))


def reason_of(error: Exception) -> str:
    """Return why a trade could not be captured, as the ledger keeps it with the trade."""
    return f"{type(error).__name__}: {error}"[:REASON_LENGTH]
