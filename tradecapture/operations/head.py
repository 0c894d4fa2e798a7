"""Retry and skip: an operator claims a held partition and deals with the trade at its head."""

from base64 import b64encode
from datetime import datetime
from hashlib import blake2b

from tradecapture.inbox import Claim, ClaimedPartition, Entry, Hold, HoldKind, Inbox, InboxReader
from tradecapture.operations.action import Action, ActionRequest, ActionResult, audit_row
from tradecapture.operations.ledger import OperatorLedger
from tradecapture.operations.overview import PartitionOverview, PartitionState
from tradecapture.operations.partition_claim import PartitionClaims
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.submission import Submission


class HeadOperations:
    """Performs retries and skips under a claim, as a worker captures under one."""

    def __init__(
        self,
        inbox: Inbox,
        inbox_reader: InboxReader,
        overview: PartitionOverview,
        ledger: OperatorLedger,
        claims: PartitionClaims,
    ) -> None:
        self._inbox, self._inbox_reader, self._overview = inbox, inbox_reader, overview
        self._ledger, self._claims = ledger, claims

    def perform(
        self, request: ActionRequest, state: PartitionState, *, dry_run: bool
    ) -> ActionResult:
        """Retry or skip.

        Args:
            request: of the operator.
            state: of the partition.
            dry_run: only say what the result would be.

        Raises:
            redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError, LedgerUnavailableError:
                a server is unreachable; the same request again does the rest.
        """
        partition_key = request.partition_key
        if not state.is_halted and not state.is_paused and state.hold is None:
            return ActionResult(False, f"{partition_key} is not held: pause it first")
        if request.action is Action.RETRY and not state.is_halted:
            if state.hold is None or state.hold.kind is HoldKind.PAUSED:
                return ActionResult(
                    False,
                    f"no trade halts {partition_key}: nothing to retry; resume ends a pause",
                )
            message = f"workers may try the head of {partition_key} again"
            return self._unhold(request, message, dry_run)
        claim = self._claims.claim(partition_key, request.who)
        if claim is None:
            return self._claims.busy(partition_key)
        return self._perform_claimed(claim, request, state, dry_run)

    def _perform_claimed(
        self, claim: Claim, request: ActionRequest, state: PartitionState, dry_run: bool
    ) -> ActionResult:
        partition_key = request.partition_key
        completion: tuple[int, int] | tuple[()] = ()
        try:
            with self._claims.renewing(claim):
                result = self._perform_in_ledger(claim, request, state, dry_run)
            if result is not None and result.done and not dry_run:
                completion = (result.completed, result.upstream_number)
        finally:
            is_released = self._claims.release(claim, *completion)
        if result is None:
            message = (
                f"no parked trade halts {partition_key} any more, so no trade is skipped: workers "
                "go on with its head; to skip the head, pause the partition first"
            )
            return self._unhold(request, message, dry_run)
        if completion and not is_released:
            # The trade is still at the inbox's head. Without the hold, it would halt the
            # partition again.
            return result._replace(
                message=f"{result.message}. But this host stood still for longer than the lease, "
                f"so Redis could not be updated and {partition_key} stays held. Run the same "
                "command again: it does the rest"
            )
        if completion:
            self._claims.unhold(partition_key, HoldKind.HALTED)
        elif not dry_run:
            self._hold_as_in_ledger(partition_key)
        return result

    def _perform_in_ledger(
        self, claim: Claim, request: ActionRequest, state: PartitionState, dry_run: bool
    ) -> ActionResult | None:
        """Perform the action in the ledger; None: neither a halt nor the head is to blame."""
        head = None
        if not state.is_halted:
            if any(claimed.is_newer and not claimed.entries for claimed in claim.partitions):
                return ActionResult(
                    False,
                    f"a newer release accepted the head of {request.partition_key}, and only that "
                    "release can read it: run its `tradecapture`. Nothing was changed",
                )
            head = self._head_to_skip(claim, state)
            if head is None and not state.is_paused:
                return None
        return self._ledger.perform(
            request, self._inbox.now, claim=claim, head=head, dry_run=dry_run
        )

    def _unhold(self, request: ActionRequest, message: str, dry_run: bool) -> ActionResult:
        """Let workers try the head again, where the ledger has no halt; a pause stays.

        If the head is to blame, the workers halt the partition again.
        """
        if not dry_run:
            self._ledger.audit([audit_row(request, self._inbox.now(), message)])
            self._claims.unhold(request.partition_key, HoldKind.HALTED)
        return ActionResult(True, message)

    def _hold_as_in_ledger(self, partition_key: PartitionKey) -> None:
        """Make the hold in Redis agree with the ledger.

        They differ if Redis was emptied, or if another operator was faster.
        """
        state = self._overview.one(partition_key)
        if state.hold is not None and state.hold.kind is HoldKind.PAUSED:
            return
        if state.row is not None and state.row.halted_reason is not None:
            self._inbox.hold(partition_key, Hold.halt(state.row.halted_reason))
        elif state.hold is not None:
            self._claims.unhold(partition_key, HoldKind.HALTED)

    def _head_to_skip(self, claim: Claim, state: PartitionState) -> Entry | None:
        """Return the head if it may be skipped where the ledger has no halt; None: it may not.

        The head of a paused partition may be skipped, and so may a head that cannot be read. A
        readable head of a partition that is halted in Redis alone may not: perhaps the trade that
        halted it is skipped already, by a command that died before it ended the hold.
        """
        (claimed,) = claim.partitions
        if claimed.entries:
            return claimed.entries[0] if state.is_paused else None
        if not claimed.unreadable_entry:
            return None
        (waiting,) = self._inbox_reader.waiting_trades(claimed.partition_key, 1)
        inbox = self._inbox_reader.partition(claimed.partition_key)
        return _unreadable_entry(
            claimed, inbox.epoch if inbox else 0, waiting.position, self._inbox.now()
        )


def _unreadable_entry(claimed: ClaimedPartition, epoch: int, position: int, now: datetime) -> Entry:
    """Wrap a head that this release cannot read: the bytes as base64, under an id made up here."""
    submission = Submission(
        claimed.partition_key,
        f"unreadable-{epoch}-{position}",
        blake2b(claimed.unreadable_entry, digest_size=16).hexdigest(),
        b64encode(claimed.unreadable_entry),
    )
    return Entry(position, epoch, round(now.timestamp() * 1000), submission)
