"""The answers that submitters get, made from the replies of the accept script."""

from collections.abc import Sequence
from typing import NamedTuple

from tradecapture.inbox.backlog import Backlog, retry_after
from tradecapture.inbox.scripts import NotReplicatedError
from tradecapture.settings import Settings
from tradecapture.trades.clock import from_ms
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode
from tradecapture.trades.submission import Submission

# The scripts count in binary floating point, which is exact up to here. They make no prediction for
# larger numbers of upstream's; the ledger decides.
MAX_PREDICTED_NUMBER = 2**53 - 1

_OUTCOMES_BY_LETTER = {
    b"": ExpectedOutcome.ACCEPTED,
    b"B": ExpectedOutcome.BUFFERED,
    b"R": ExpectedOutcome.REJECTED,
}


def number_argument(number: int | None) -> int | str:
    """Return upstream's number as an argument of the accept script; empty: no prediction."""
    return "" if number is None or number > MAX_PREDICTED_NUMBER else number


def expected_outcome(letter: bytes) -> ExpectedOutcome:
    """Return the expected outcome that a letter in Redis stands for."""
    return _OUTCOMES_BY_LETTER[letter]


def make_receipt(
    submission: Submission, duplicate: bool, facts: Sequence[bytes], window: int
) -> Receipt:
    """Return the receipt of a trade that is in its inbox.

    Args:
        submission: what was submitted.
        duplicate: the trade was accepted before, and this repeats its first receipt.
        facts: from the script: position, epoch, accepted (ms); of a duplicate also the expected
            outcome; of a new numbered trade also the expected outcome and the number in order last.
        window: how far ahead of that number one of upstream's numbers may be.
    """
    position, _epoch, accepted_ms, *sequence = facts
    expected, number = (
        expected_outcome(sequence[0] if sequence else b""),
        submission.sequence_number,
    )
    if len(sequence) < 2:  # the script gives the number in order last only of a new trade
        why = explain_duplicate(expected, number)
    else:
        why = explain(expected, number, int(sequence[1]), window)
    return Receipt(
        trade_id=submission.trade_id,
        partition_key=submission.partition_key,
        position=int(position),
        accepted_at=from_ms(int(accepted_ms)),
        duplicate=duplicate,
        expected_outcome=expected,
        why=why,
    )


def explain(expected: ExpectedOutcome, number: int | None, last: int, window: int) -> str:
    """Return why a new trade is out of order; empty: it is in order.

    Args:
        expected: the expected outcome of the trade.
        number: upstream's number of the trade.
        last: the number of its partition that was in order last.
        window: how far ahead of `last` a number may be.
    """
    if expected is ExpectedOutcome.ACCEPTED or number is None:
        return ""
    if expected is ExpectedOutcome.BUFFERED:
        return f"sequence number {number} waits for {last + 1}, and is captured after it"
    if number <= last:
        return f"sequence number {number} was passed: the partition is at {last}"
    if number > last + window:
        return f"sequence number {number} is more than {window} ahead of {last}"
    return f"sequence number {number} is that of another trade, which waits for its turn"


def explain_duplicate(expected: ExpectedOutcome, number: int | None) -> str:
    """Return why a trade was out of order when it was accepted; empty: it was in order."""
    if expected is ExpectedOutcome.ACCEPTED:
        return ""
    why = "ahead of its turn" if expected is ExpectedOutcome.BUFFERED else "out of turn"
    return f"sequence number {number} was {why} when the trade was accepted"


class FullScope(NamedTuple):
    """The scope in which the accept script found no room for a trade, and what it counted."""

    scope: str  # 'partition', 'lane' or 'total'
    partition_waiting: int
    lane_waiting: int
    held: bool  # whether the partition is held


def refuse_full(
    submission: Submission, lane: int, full: FullScope, backlog: Backlog, settings: Settings
) -> Refusal:
    """Return the refusal of a trade for which there is no room."""
    if full.scope == "partition":
        waiting, limit = full.partition_waiting, settings.limit_partition
        rate = 0.0 if full.held else partition_rate(backlog.rate(lane), full)
        code, where = RefusalCode.PARTITION_FULL, f"partition {submission.partition_key}"
        where += ", which is held" if full.held else ""
    elif full.scope == "lane":
        waiting, limit, rate = full.lane_waiting, settings.limit_lane, backlog.rate(lane)
        code, where = RefusalCode.BACKLOG_FULL, f"lane {lane}"
    else:
        waiting, limit, rate = backlog.total, settings.limit_total, backlog.rate()
        code, where = RefusalCode.BACKLOG_FULL, "all lanes"
    seconds = retry_after(waiting, limit, rate)
    return Refusal(
        submission.trade_id,
        code,
        f"{waiting} trades wait in {where}, and {limit} may; nothing of this trade was kept. "
        f"Send it again in {seconds} s",
        retry_after_seconds=seconds,
    )


def partition_rate(lane_rate: float | None, full: FullScope) -> float | None:
    """Return trades a second that leave a partition: its share of the lane's waiting trades.

    Args:
        lane_rate: trades a second that leave the lane; None: unknown.
        full: how many trades wait in both.
    """
    if lane_rate is None:
        return None
    return lane_rate * full.partition_waiting / max(full.partition_waiting, full.lane_waiting)


def refuse_conflict(submission: Submission) -> Refusal:
    """Return the refusal of a trade whose id another trade has."""
    return Refusal(
        submission.trade_id,
        RefusalCode.CONFLICT,
        "a trade with this id and other content was accepted before; "
        "give the new trade an id of its own",
    )


def refuse_unavailable(submission: Submission, error: Exception) -> Refusal:
    """Return the refusal of a trade that Redis did not store."""
    where = ""
    if isinstance(error, NotReplicatedError):
        where = " safely: the master may have it, and too few replicas do"
    return Refusal(
        submission.trade_id,
        RefusalCode.UNAVAILABLE,
        f"the inbox did not store this trade{where} ({error}); send it again, a resend is harmless",
    )
