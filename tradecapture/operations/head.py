"""Retry and skip: an operator's claim of a held partition, for the trade at its head."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from hashlib import blake2b

from tradecapture.inbox import Claim, ClaimedPartition, Entry, Hold, HoldKind, Inbox, InboxReader
from tradecapture.ledger import AuditRow
from tradecapture.operations.action import Action, ActionRequest, ActionResult
from tradecapture.operations.overview import PartitionState
from tradecapture.operations.partition_claim import PartitionClaims
from tradecapture.operations.transactions import OperatorLedger
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.submission import Submission


def unreadable_entry(claimed: ClaimedPartition, epoch: int, position: int, now: datetime) -> Entry:
    """Return an entry that this release cannot read: whole, as base64, under an id of its place."""
    submission = Submission(
        claimed.partition_key,
        f"unreadable-{epoch}-{position}",
        blake2b(claimed.head, digest_size=16).hexdigest(),
        b64encode(claimed.head),
    )
    return Entry(position, epoch, round(now.timestamp() * 1000), submission)


class HeadOperations:
    """What is done under a claim, as a worker would: with its lock, its lease, its fence."""

    def __init__(
        self,
        inbox: Inbox,
        inbox_reader: InboxReader,
        ledger: OperatorLedger,
        hands: PartitionClaims,
        look: Callable[[PartitionKey], PartitionState],
    ) -> None:
        """Prepare; `look` tells how a partition stands."""
        self._inbox, self._inbox_reader = inbox, inbox_reader
        self._ledger, self._hands, self._look = ledger, hands, look

    def perform(
        self, request: ActionRequest, standing: PartitionState, *, dry_run: bool
    ) -> ActionResult:
        """Retry or skip, or only say what would come of it.

        Raises:
            redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError, LedgerUnavailableError:
                out of reach; the same request again does what is left of it.
        """
        partition_key = request.partition_key
        if not standing.is_halted and not standing.is_paused and standing.hold is None:
            return ActionResult(False, f"{partition_key} is not held: pause it first")
        if request.action is Action.RETRY and not standing.is_halted:
            if standing.hold is None or standing.hold.kind is HoldKind.PAUSED:
                return ActionResult(
                    False, f"no trade halts {partition_key}: nothing to retry, only resume"
                )
            return self._let_go(
                request, f"workers may try the head of {partition_key} again", dry_run
            )
        claim = self._hands.claim(partition_key, request.who)
        if claim is None:
            return self._hands.busy(partition_key)
        return self._do_with(claim, request, standing, dry_run)

    def _do_with(
        self, claim: Claim, request: ActionRequest, standing: PartitionState, dry_run: bool
    ) -> ActionResult:
        completion: tuple[int, int] | tuple[()] = ()
        try:
            with self._hands.renewing(claim):
                deed = self._written(claim, request, standing, dry_run)
            if deed is not None and deed.done and not dry_run:
                completion = (deed.written, deed.upstream)
        finally:
            kept = self._hands.give_back(claim, *completion)
        if deed is None:
            message = (
                f"no parked trade halts {request.partition_key} any more, and none is skipped: "
                "workers go on with its head; to skip that, pause the partition first"
            )
            return self._let_go(request, message, dry_run)
        if completion and not kept:
            # Were it released now, the trade would halt it again: it is still at the inbox's head.
            return deed._replace(
                message=f"{deed.message}. But this host stood still for longer than a lease, and "
                f"Redis was not told: {request.partition_key} stays held. Give the same command "
                "again; it does the rest"
            )
        if completion:
            self._hands.unhold(request.partition_key, HoldKind.HALTED)
        elif not dry_run:
            self._hold_as_the_ledger(request.partition_key)
        return deed

    def _written(
        self, claim: Claim, request: ActionRequest, standing: PartitionState, dry_run: bool
    ) -> ActionResult | None:
        """Let the ledger do it; None: nothing halts the partition, and its head is not at fault."""
        head = None
        if not standing.is_halted:
            if any(claimed.is_newer and not claimed.entries for claimed in claim.partitions):
                return ActionResult(
                    False,
                    f"the head of {request.partition_key} was accepted by a newer release, which "
                    "alone can read it: run this command of that release. Nothing was changed",
                )
            head = self._head(claim, standing)
            if head is None and not standing.is_paused:
                return None
        return self._ledger.perform(
            request, self._inbox.now, claim=claim, head=head, dry_run=dry_run
        )

    def _let_go(self, request: ActionRequest, message: str, dry_run: bool) -> ActionResult:
        """Let workers try a head again: it could not be read or parked, or nothing halts it now.

        Should it be at fault, they halt the partition again. A pause stays.
        """
        if not dry_run:
            note = AuditRow(
                done_at=self._inbox.now(),
                who=request.who,
                action=request.action.value,
                partition_key=request.partition_key,
                trade_id=None,
                epoch=None,
                position=None,
                why=request.why,
                result=message,
            )
            self._ledger.audit([note])
            self._hands.unhold(request.partition_key, HoldKind.HALTED)
        return ActionResult(True, message)

    def _hold_as_the_ledger(self, partition_key: PartitionKey) -> None:
        """Make Redis follow after all: it may have been emptied, or another operator was faster."""
        standing = self._look(partition_key)
        if standing.hold is not None and standing.hold.kind is HoldKind.PAUSED:
            return
        if standing.row is not None and standing.row.halted_reason is not None:
            self._inbox.hold(partition_key, Hold.halt(standing.row.halted_reason))
        elif standing.hold is not None:
            self._hands.unhold(partition_key, HoldKind.HALTED)

    def _head(self, claim: Claim, standing: PartitionState) -> Entry | None:
        """Return the trade to skip where none is parked: the head, if it is at fault or paused.

        One that cannot be read is wrapped as the text that it is. In a partition that is halted in
        Redis only, a head that can be read is not known to be at fault: the command that skipped
        the one at fault may have died before it released the partition.
        """
        (claimed,) = claim.partitions
        if claimed.entries:
            return claimed.entries[0] if standing.is_paused else None
        if not claimed.head:
            return None
        (waiting,) = self._inbox_reader.waiting(claimed.partition_key, 1)
        found = self._inbox_reader.partition(claimed.partition_key)
        return unreadable_entry(
            claimed, found.epoch if found else 0, waiting.position, self._inbox.now()
        )
