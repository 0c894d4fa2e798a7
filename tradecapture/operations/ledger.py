"""The operators' ledger: performs an action in a transaction, retried from outside."""

from sqlalchemy import Connection

from tradecapture.inbox import Claim, Entry
from tradecapture.ledger import AuditRow, Ledger, LedgerUnavailableError, reason_of
from tradecapture.ledger.transaction import Clock
from tradecapture.operations.action import Action, ActionRequest, ActionResult
from tradecapture.operations.transactions import OperatorTransactions
from tradecapture.settings import Settings


class OperatorLedger(Ledger):
    """A ledger on which operators can act, too."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self._transactions = OperatorTransactions(self._transaction, self.dialect)

    def perform(
        self,
        request: ActionRequest,
        clock: Clock,
        *,
        claim: Claim | None = None,
        head: Entry | None = None,
        dry_run: bool = False,
    ) -> ActionResult:
        """Perform an action and write it to the audit, in one transaction.

        Args:
            request: of the operator.
            clock: returns the time, in UTC.
            claim: of the partition; needed to retry and to skip.
            head: the oldest waiting trade; a skip takes it if no parked trade halts the partition.
            dry_run: perform it, keep its result, and roll it back.

        Raises:
            LedgerUnavailableError: the database did not answer in time; try again later.
        """
        transactions, now = self._transactions, clock()
        attempts: list[ActionResult] = []

        def work(connection: Connection) -> ActionResult:
            if attempts and transactions.was_performed(connection, request, now):
                # The commit of the last attempt succeeded, but its answer was lost. To perform
                # the action again would skip or release a second time.
                return attempts[-1]
            result = transactions.perform(connection, request, now, claim, head)
            if dry_run:
                connection.rollback()
            else:
                attempts.append(result)
            return result

        try:
            return self._retried(work)
        except LedgerUnavailableError:
            raise
        except Exception as error:
            if request.action is not Action.RETRY:
                raise
            reason = reason_of(error)
        if dry_run:
            return ActionResult(False, f"it still cannot be captured: {reason}")
        return self._retried(
            lambda connection: transactions.record_failed_retry(
                connection, request, reason, clock()
            )
        )

    def audit(self, rows: list[AuditRow]) -> None:
        """Write audit rows of what operators do outside the ledger.

        Raises:
            LedgerUnavailableError: the database did not answer in time; try again later.
        """
        self._retried(lambda connection: self._transactions.audit(connection, rows))
