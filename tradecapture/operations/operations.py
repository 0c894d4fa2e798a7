"""Operations: what an operator does to a partition, in the ledger first and then in its inbox.

The ledger judges and keeps the audit; Redis follows. Should a command die in between, the same
command again does the rest: each of them looks at both.
"""

from contextlib import suppress

from redis.exceptions import RedisError

from tradecapture.capture.bell import Bell
from tradecapture.inbox import Hold, HoldKind, Inbox, InboxReader
from tradecapture.ledger.queries.reader import LedgerReader
from tradecapture.operations.action import Action, ActionRequest, ActionResult
from tradecapture.operations.head import HeadOperations
from tradecapture.operations.overview import PartitionState
from tradecapture.operations.partition_claim import PartitionClaims
from tradecapture.operations.transactions import OperatorLedger
from tradecapture.trades.partition import PartitionKey


class Operations:
    """An operator's hands. Each request answers with a deed: done or not, and why."""

    def __init__(
        self,
        inbox: Inbox,
        inbox_reader: InboxReader,
        ledger: OperatorLedger,
        bell: Bell,
        *,
        patience_seconds: float,
    ) -> None:
        """Prepare.

        Args:
            inbox: to hold, to take and to release in.
            inbox_reader: to look in.
            ledger: to write and to audit in.
            bell: to ring for what moves again.
            patience_seconds: how long to wait for a partition that a worker has in hand; a lease.
        """
        self._inbox, self._inbox_reader = inbox, inbox_reader
        self._ledger = ledger
        self._reader = LedgerReader(ledger.engine, ledger.dialect)
        self._hands = PartitionClaims(inbox, bell, patience_seconds)
        self._heads = HeadOperations(inbox, inbox_reader, ledger, self._hands, self.standing)

    def standing(self, partition_key: PartitionKey) -> PartitionState:
        """Return how a partition stands.

        Raises:
            redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError: out of reach.
        """
        found = self._inbox_reader.partition(partition_key)
        return PartitionState(
            self._reader.partition(partition_key), found, found.held if found else None
        )

    def perform(self, request: ActionRequest, *, dry_run: bool = False) -> ActionResult:
        """Do what an operator asks for, or only say what would come of it.

        Raises:
            redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError, LedgerUnavailableError:
                out of reach; the same request again does what is left of it.
        """
        standing = self.standing(request.partition_key)
        if not standing.is_known:
            return ActionResult(
                False,
                f"no trade of partition {request.partition_key} was ever accepted. A key is "
                "account_book_security, with ~1 for an underscore and ~0 for a tilde in an id",
            )
        match request.action:
            case Action.PAUSE:
                return self._pause(request, dry_run)
            case Action.RESUME:
                return self._resume(request, standing, dry_run)
            case Action.RETRY | Action.SKIP:
                return self._heads.perform(request, standing, dry_run=dry_run)
            case Action.RELEASE:
                return self._release_gap(request, dry_run)
            case _:
                return self._ledger.perform(request, self._inbox.now, dry_run=dry_run)

    def _release_gap(self, request: ActionRequest, dry_run: bool) -> ActionResult:
        deed = self._ledger.perform(request, self._inbox.now, dry_run=dry_run)
        if deed.done and not dry_run:
            # It is done. That Redis is told of it is for what submitters are foretold; otherwise
            # the next worker that captures one of upstream's numbers tells it.
            with suppress(RedisError):
                claim = self._hands.claim(request.partition_key, request.who, trades=0)
                if claim is not None:
                    self._hands.give_back(claim, upstream=deed.upstream)
        return deed

    def _pause(self, request: ActionRequest, dry_run: bool) -> ActionResult:
        deed = self._ledger.perform(request, self._inbox.now, dry_run=dry_run)
        if deed.done and not dry_run:
            self._inbox.hold(request.partition_key, Hold.by_operator(request.who, request.why))
            row = self._reader.partition(request.partition_key)
            if row is not None and row.paused_reason is None:
                # Resumed by another operator before the hold was there; it would stay for ever.
                self._hands.unhold(request.partition_key, HoldKind.PAUSED)
        return deed

    def _resume(
        self, request: ActionRequest, standing: PartitionState, dry_run: bool
    ) -> ActionResult:
        row = standing.row
        held_in_ledger = row is not None and (row.paused_reason or row.halted_reason)
        if not held_in_ledger and standing.hold is None:
            return ActionResult(False, f"{request.partition_key} is not held: nothing to resume")
        if dry_run:
            return self._ledger.perform(request, self._inbox.now, dry_run=True)
        # A worker that has found the pause in the ledger is about to hold the partition in Redis.
        # Under its lease it is waited for; after its lease it is refused.
        claim = self._hands.claim(request.partition_key, request.who, trades=0)
        if claim is None:
            return self._hands.busy(request.partition_key)
        try:
            with self._hands.renewing(claim):
                deed = self._ledger.perform(request, self._inbox.now)
        finally:
            self._hands.give_back(claim)
        if deed.done:
            # A halt of which the ledger knows nothing is one whose trade could not even be read or
            # parked: workers may try again, and halt it again if they must.
            self._hands.unhold(
                request.partition_key, HoldKind.PAUSED if standing.is_halted else None
            )
        return deed
