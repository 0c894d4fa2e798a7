"""Operations: an operator's action on a partition, in the ledger first and then in Redis.

The ledger decides and keeps the audit; Redis follows. If a command dies in between, the same
command again does the rest, because every action looks at both.
"""

from contextlib import suppress

from redis.exceptions import RedisError

from tradecapture.capture.bell import Bell
from tradecapture.inbox import Hold, HoldKind, Inbox, InboxReader
from tradecapture.operations.action import Action, ActionRequest, ActionResult
from tradecapture.operations.head import HeadOperations
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.operations.overview import PartitionOverview, PartitionState
from tradecapture.operations.partition_claim import PartitionClaims


class Operations:
    """Performs operators' actions on partitions."""

    def __init__(
        self,
        inbox: Inbox,
        inbox_reader: InboxReader,
        overview: PartitionOverview,
        ledger: OperatorLedger,
        bell: Bell,
        *,
        claim_timeout_seconds: float,
    ) -> None:
        """Prepare.

        Args:
            inbox: to hold, claim and complete in.
            inbox_reader: of the same Redis.
            overview: of the same Redis and database.
            ledger: to act on.
            bell: to ring for partitions that may be captured again.
            claim_timeout_seconds: how long to wait while a worker has the partition; a lease.
        """
        self._inbox, self._overview, self._ledger = inbox, overview, ledger
        self._claims = PartitionClaims(inbox, bell, claim_timeout_seconds)
        self._head = HeadOperations(inbox, inbox_reader, overview, ledger, self._claims)

    def perform(self, request: ActionRequest, *, dry_run: bool = False) -> ActionResult:
        """Perform an action; with `dry_run` only say what the result would be.

        Raises:
            redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError, LedgerUnavailableError:
                a server is unreachable; the same request again does the rest.
        """
        state = self._overview.one(request.partition_key)
        if not state.exists:
            return ActionResult(
                False,
                f"no trade of partition {request.partition_key} was ever accepted. A key is "
                "account_book_security, with ~1 for an underscore and ~0 for a tilde in an id",
            )
        match request.action:
            case Action.PAUSE:
                return self._pause(request, dry_run)
            case Action.RESUME:
                return self._resume(request, state, dry_run)
            case Action.RETRY | Action.SKIP:
                return self._head.perform(request, state, dry_run=dry_run)
            case Action.RELEASE:
                return self._release_gap(request, dry_run)
            case _:
                return self._ledger.perform(request, self._inbox.now, dry_run=dry_run)

    def _pause(self, request: ActionRequest, dry_run: bool) -> ActionResult:
        partition_key = request.partition_key
        result = self._ledger.perform(request, self._inbox.now, dry_run=dry_run)
        if result.done and not dry_run:
            self._inbox.hold(partition_key, Hold.by_operator(request.who, request.why))
            row = self._overview.one(partition_key).row
            if row is not None and row.paused_reason is None:
                # Another operator resumed it before the hold was placed. Nobody would end it.
                self._claims.unhold(partition_key, HoldKind.PAUSED)
        return result

    def _resume(self, request: ActionRequest, state: PartitionState, dry_run: bool) -> ActionResult:
        row, partition_key = state.row, request.partition_key
        is_held_in_ledger = row is not None and (row.paused_reason or row.halted_reason)
        if not is_held_in_ledger and state.hold is None:
            return ActionResult(False, f"{partition_key} is not held: nothing to resume")
        if dry_run:
            return self._ledger.perform(request, self._inbox.now, dry_run=True)
        # A worker that has read the pause in the ledger is about to hold the partition in Redis.
        # This claim waits for the end of that worker's claim; after that, Redis refuses the worker.
        claim = self._claims.claim(partition_key, request.who, max_trades=0)
        if claim is None:
            return self._claims.busy(partition_key)
        try:
            with self._claims.renewing(claim):
                result = self._ledger.perform(request, self._inbox.now)
        finally:
            self._claims.release(claim)
        if result.done:
            # If Redis has a halt that the ledger does not have, a trade could not be read, or not
            # even be parked. Workers may try again, and halt the partition again if they must.
            self._claims.unhold(partition_key, HoldKind.PAUSED if state.is_halted else None)
        return result

    def _release_gap(self, request: ActionRequest, dry_run: bool) -> ActionResult:
        result = self._ledger.perform(request, self._inbox.now, dry_run=dry_run)
        if result.done and not dry_run:
            # The release is committed. Updating Redis only keeps the predictions in receipts
            # right; if it fails, the next worker that captures a numbered trade updates it.
            with suppress(RedisError):
                claim = self._claims.claim(request.partition_key, request.who, max_trades=0)
                if claim is not None:
                    self._claims.release(claim, upstream_number=result.upstream_number)
        return result
