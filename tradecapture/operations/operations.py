"""Operations: what an operator does to a partition, in the ledger first and then in its inbox.

The ledger judges and keeps the audit; Redis follows. Should a command die in between, the same
command again does the rest: each of them looks at both.
"""

from contextlib import suppress

from redis.exceptions import RedisError

from tradecapture.bell import Bell
from tradecapture.inbox import Claim, Entry, Hold, HoldKind, Inbox, InboxReader
from tradecapture.ledger import Action, AuditRow, Deed, Ledger, Request
from tradecapture.ledger.reader import LedgerReader
from tradecapture.operations.hands import Hands
from tradecapture.operations.standing import Standing
from tradecapture.operations.unreadable import unreadable_entry


class Operations:
    """An operator's hands. Each request answers with a deed: done or not, and why."""

    def __init__(
        self,
        inbox: Inbox,
        inbox_reader: InboxReader,
        ledger: Ledger,
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
        self._hands = Hands(inbox, bell, patience_seconds)

    def standing(self, partition: str) -> Standing:
        """Return how a partition stands.

        Raises:
            redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError: out of reach.
        """
        found = self._inbox_reader.partition(partition)
        return Standing(self._reader.partition(partition), found, found.held if found else None)

    def do(self, request: Request, *, dry_run: bool = False) -> Deed:
        """Do what an operator asks for, or only say what would come of it.

        Raises:
            redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError, LedgerUnavailableError:
                out of reach; the same request again does what is left of it.
        """
        standing = self.standing(request.partition)
        if not standing.is_known:
            return Deed(
                False,
                f"no trade of partition {request.partition} was ever accepted. A key is "
                "account_book_security, with ~1 for an underscore and ~0 for a tilde in an id",
            )
        match request.action:
            case Action.PAUSE:
                return self._pause(request, dry_run)
            case Action.RESUME:
                return self._resume(request, standing, dry_run)
            case Action.RETRY | Action.SKIP:
                return self._take_and_do(request, standing, dry_run)
            case Action.RELEASE:
                return self._release_gap(request, dry_run)
            case _:
                return self._ledger.operate(request, self._inbox.now, dry_run=dry_run)

    def _release_gap(self, request: Request, dry_run: bool) -> Deed:
        deed = self._ledger.operate(request, self._inbox.now, dry_run=dry_run)
        if deed.done and not dry_run:
            # It is done. That Redis is told of it is for what submitters are foretold; otherwise
            # the next worker that captures one of upstream's numbers tells it.
            with suppress(RedisError):
                claim = self._hands.take(request.partition, request.who, trades=0)
                if claim is not None:
                    self._hands.give_back(claim, upstream=deed.upstream)
        return deed

    def _pause(self, request: Request, dry_run: bool) -> Deed:
        deed = self._ledger.operate(request, self._inbox.now, dry_run=dry_run)
        if deed.done and not dry_run:
            self._inbox.hold(request.partition, Hold.pause(request.who, request.why))
            row = self._reader.partition(request.partition)
            if row is not None and row.paused_reason is None:
                # Resumed by another operator before the hold was there; it would stay for ever.
                self._hands.release(request.partition, HoldKind.PAUSED)
        return deed

    def _resume(self, request: Request, standing: Standing, dry_run: bool) -> Deed:
        row = standing.row
        held_in_ledger = row is not None and (row.paused_reason or row.halted_reason)
        if not held_in_ledger and standing.hold is None:
            return Deed(False, f"{request.partition} is not held: nothing to resume")
        if dry_run:
            return self._ledger.operate(request, self._inbox.now, dry_run=True)
        # A worker that has found the pause in the ledger is about to hold the partition in Redis.
        # Under its lease it is waited for; after its lease it is refused.
        claim = self._hands.take(request.partition, request.who, trades=0)
        if claim is None:
            return self._busy(request)
        try:
            deed = self._ledger.operate(request, self._inbox.now)
        finally:
            self._hands.give_back(claim)
        if deed.done:
            # A halt of which the ledger knows nothing is one whose trade could not even be read or
            # parked: workers may try again, and halt it again if they must.
            self._hands.release(request.partition, HoldKind.PAUSED if standing.is_halted else None)
        return deed

    def _take_and_do(self, request: Request, standing: Standing, dry_run: bool) -> Deed:
        """Retry or skip under a claim, as a worker would: with its lock, its lease, its fence."""
        partition = request.partition
        if not standing.is_halted and not standing.is_paused and standing.hold is None:
            return Deed(False, f"{partition} is not held: pause it first")
        if request.action is Action.RETRY and not standing.is_halted:
            if standing.hold is None or standing.hold.kind is HoldKind.PAUSED:
                return Deed(False, f"no trade halts {partition}: nothing to retry, only resume")
            return self._let_go(request, f"workers may try the head of {partition} again", dry_run)
        claim = self._hands.take(partition, request.who)
        if claim is None:
            return self._busy(request)
        deed = Deed(False, "the ledger did not answer")
        try:
            head = None if standing.is_halted else self._head(claim, standing)
            nothing_at_fault = head is None and not standing.is_halted and not standing.is_paused
            if not standing.is_halted and _is_for_newer(claim):
                nothing_at_fault = False
                deed = Deed(
                    False,
                    f"the head of {partition} was accepted by a newer release, which alone can "
                    "read it: run this command of that release. Nothing was changed",
                )
            elif not nothing_at_fault:
                deed = self._ledger.operate(
                    request, self._inbox.now, claim=claim, head=head, dry_run=dry_run
                )
        finally:
            done = deed.done and not dry_run
            self._hands.give_back(claim, *((deed.written, deed.upstream) if done else ()))
        if nothing_at_fault:
            message = (
                f"no parked trade halts {partition} any more, and none is skipped: workers go on "
                "with its head; to skip that, pause the partition first"
            )
            return self._let_go(request, message, dry_run)
        if done:
            self._hands.release(partition, HoldKind.HALTED)
        elif not dry_run:
            self._hold_as_the_ledger(partition)
        return deed

    def _let_go(self, request: Request, message: str, dry_run: bool) -> Deed:
        """Let workers try a head again: it could not be read or parked, or nothing halts it now.

        Should it be at fault, they halt the partition again. A pause stays.
        """
        if not dry_run:
            note = AuditRow(
                done_at=self._inbox.now(),
                who=request.who,
                action=request.action.value,
                partition_key=request.partition,
                trade_id=None,
                epoch=None,
                position=None,
                why=request.why,
                result=message,
            )
            self._ledger.audit([note])
            self._hands.release(request.partition, HoldKind.HALTED)
        return Deed(True, message)

    def _hold_as_the_ledger(self, partition: str) -> None:
        """Make Redis follow after all: it may have been emptied, or another operator was faster."""
        standing = self.standing(partition)
        if standing.hold is not None and standing.hold.kind is HoldKind.PAUSED:
            return
        if standing.row is not None and standing.row.halted_reason is not None:
            self._inbox.hold(partition, Hold.halt(standing.row.halted_reason))
        elif standing.hold is not None:
            self._hands.release(partition, HoldKind.HALTED)

    def _head(self, claim: Claim, standing: Standing) -> Entry | None:
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
        (waiting,) = self._inbox_reader.waiting(claimed.partition, 1)
        found = self._inbox_reader.partition(claimed.partition)
        return unreadable_entry(
            claimed, found.epoch if found else 0, waiting.position, self._inbox.now()
        )

    def _busy(self, request: Request) -> Deed:
        return Deed(
            False,
            f"a worker has {request.partition} in hand for more than "
            f"{self._hands.patience_seconds:g} s: look who (`tradecapture partitions show`), and "
            "try again",
        )


def _is_for_newer(claim: Claim) -> bool:
    """Return whether the head of a taken partition is one that only a newer release reads."""
    return any(claimed.is_newer and not claimed.entries for claimed in claim.partitions)
