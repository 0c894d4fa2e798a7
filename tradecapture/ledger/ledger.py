"""The ledger: captures claims into the database, each in one transaction, retried from outside."""

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
from tradecapture.ledger.judgement import PartitionVerdict
from tradecapture.ledger.operating import Action, Deed, Operating, Request
from tradecapture.ledger.rows import AuditRow
from tradecapture.ledger.schema import SchemaError, check_not_contracted
from tradecapture.ledger.transaction import Clock, LedgerTransaction
from tradecapture.settings import Settings

RETRY_FIRST_SECONDS = 0.01  # a deadlock's other party is usually done by then
RETRY_CAP_SECONDS = 0.5  # ten waits fit into a default lease
REASON_LENGTH = 500  # characters of an error kept with a parked trade; enough for its first lines

log = structlog.get_logger(__name__)

Result = TypeVar("Result")


class LedgerUnavailableError(RuntimeError):
    """The database did not answer, or was too contended; nothing was written that is not whole."""


class Ledger:
    """The writing side of the ledger. One a process, made after the fork."""

    def __init__(self, settings: Settings) -> None:
        self.engine, self.dialect = make_engine(
            settings.database_url,
            pool_size=settings.pool_size,
            timeout_seconds=settings.connect_seconds,
        )
        self._transaction = LedgerTransaction(self.dialect, settings.sequence_window)
        self._operating = Operating(self._transaction, self.dialect)
        # Bounded by the lease too: work done after it would only be refused by the fence.
        self._stop = stop_after_attempt(settings.retry_attempts) | stop_after_delay(
            settings.lease_seconds
        )

    def capture(self, claim: Claim, task_id: str, clock: Clock) -> list[PartitionVerdict]:
        """Capture a claim's trades in one transaction.

        Raises:
            LedgerUnavailableError: the database did not answer in time; try again later.
            Exception: something in the claim cannot be captured; nothing of it was.
        """
        return self._retried(
            lambda connection: self._transaction.capture(connection, claim, task_id, clock)
        )

    def park(
        self, claim: Claim, entry: Entry, reason: str, task_id: str, clock: Clock
    ) -> PartitionVerdict:
        """Park a trade at the head of its partition and halt the partition.

        Raises:
            LedgerUnavailableError: the database did not answer in time, or a newer release has
                contracted the schema since this process began: that is no trade's fault.
        """

        def work(connection: Connection) -> PartitionVerdict:
            check_not_contracted(connection)
            return self._transaction.park(connection, claim, entry, reason, task_id, clock)

        try:
            return self._retried(work)
        except SchemaError as error:
            raise LedgerUnavailableError(str(error)) from error

    def operate(
        self,
        request: Request,
        clock: Clock,
        *,
        claim: Claim | None = None,
        head: Entry | None = None,
        dry_run: bool = False,
    ) -> Deed:
        """Do what an operator asks for, and write it into the audit, in one transaction.

        Args:
            request: of the operator.
            clock: the time, in UTC.
            claim: of the partition; needed to retry and to skip.
            head: the oldest trade that waits; skipped if no parked trade halts the partition.
            dry_run: do it, look at what came of it, and roll it back.

        Raises:
            LedgerUnavailableError: the database did not answer in time; try again later.
        """
        doing, now = self._operating, clock()
        tried: list[Deed] = []

        def work(connection: Connection) -> Deed:
            if tried and doing.is_done(connection, request, now):
                return tried[-1]  # its commit's answer was lost; done twice it would be two deeds
            deed = doing.do(connection, request, now, claim, head)
            if dry_run:
                connection.rollback()
            else:
                tried.append(deed)
            return deed

        try:
            return self._retried(work)
        except LedgerUnavailableError:
            raise
        except Exception as error:
            if request.action is not Action.RETRY:
                raise
            reason = reason_of(error)
        if dry_run:
            return Deed(False, f"it still cannot be captured: {reason}")
        return self._retried(lambda connection: doing.failed(connection, request, reason, clock()))

    def audit(self, rows: list[AuditRow]) -> None:
        """Write audit rows for what operators do elsewhere.

        Raises:
            LedgerUnavailableError: the database did not answer in time; try again later.
        """
        self._retried(lambda connection: self._operating.audit(connection, rows))

    def dispose(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def _retried(self, work: Callable[[Connection], Result]) -> Result:
        """Run work in a transaction; run it again in a new one while that may help.

        A commit that raised may have committed: the next attempt reads what is there.
        """
        retrying = Retrying(
            stop=self._stop,
            wait=wait_random_exponential(multiplier=RETRY_FIRST_SECONDS, max=RETRY_CAP_SECONDS),
            retry=retry_if_exception(self.dialect.is_transient),
            before_sleep=_say_why,
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
            # Said outright: rows that go past SQLAlchemy (COPY) begin no transaction that it knows
            # of, and would be rolled back by the pool instead of being committed.
            connection.begin()
            result = work(connection)
            connection.commit()
            return result


def _say_why(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning("capture transaction retried", attempt=state.attempt_number, error=str(error))


def reason_of(error: Exception) -> str:
    """Return why a trade could not be captured, as it is kept with the trade."""
    return f"{type(error).__name__}: {error}"[:REASON_LENGTH]
