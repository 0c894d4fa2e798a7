"""A verdict of the accept script, made into the answer that a submitter reads."""

from collections.abc import Sequence
from typing import NamedTuple

from tradecapture.inbox.backlog import Backlog, retry_after
from tradecapture.inbox.scripts import NotReplicatedError
from tradecapture.settings import Settings
from tradecapture.trades.clock import from_ms
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode
from tradecapture.trades.submission import Submission


class Full(NamedTuple):
    """What the accept script saw when it found no room for a trade."""

    scope: str  # 'partition', 'lane' or 'total'
    partition_waiting: int
    lane_waiting: int
    held: bool  # the partition is


def refuse(
    submission: Submission, lane: int, full: Full, backlog: Backlog, settings: Settings
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


def partition_rate(lane_rate: float | None, full: Full) -> float | None:
    """Return trades a second that leave a partition: its part of what waits in its lane.

    Args:
        lane_rate: trades a second that leave the lane; None: not known yet.
        full: what waits in both.
    """
    if lane_rate is None:
        return None
    return lane_rate * full.partition_waiting / max(full.partition_waiting, full.lane_waiting)


# Redis scripts count in binary floating point, which is exact up to here. Larger numbers are left
# to the ledger.
MAX_PREDICTED_NUMBER = 2**53 - 1

_STANDINGS = {
    b"": ExpectedOutcome.ACCEPTED,
    b"B": ExpectedOutcome.BUFFERED,
    b"R": ExpectedOutcome.REJECTED,
}


def as_argument(number: int | None) -> int | str:
    """Return upstream's number as the accept script takes it; empty: it predicts nothing."""
    return "" if number is None or number > MAX_PREDICTED_NUMBER else number


def expected_outcome(letter: bytes) -> ExpectedOutcome:
    """Return the standing that a letter in Redis stands for."""
    return _STANDINGS[letter]


def explain(standing: ExpectedOutcome, number: int | None, last: int, window: int) -> str:
    """Return why a trade that was just accepted is not in order; empty: it is.

    Args:
        standing: as predicted.
        number: upstream's number of the trade.
        last: the number of its partition that was in order last.
        window: how far ahead of that a number may be.
    """
    if standing is ExpectedOutcome.ACCEPTED or number is None:
        return ""
    if standing is ExpectedOutcome.BUFFERED:
        return f"sequence number {number} waits for {last + 1}, and is captured after it"
    if number <= last:
        return f"sequence number {number} was passed: the partition is at {last}"
    if number > last + window:
        return f"sequence number {number} is more than {window} ahead of {last}"
    return f"sequence number {number} is that of another trade, which waits for its turn"


def explain_again(standing: ExpectedOutcome, number: int | None) -> str:
    """Return why a trade that was accepted before was not in order then; empty: it was."""
    if standing is ExpectedOutcome.ACCEPTED:
        return ""
    why = "ahead of its turn" if standing is ExpectedOutcome.BUFFERED else "out of turn"
    return f"sequence number {number} was {why} when the trade was accepted"


def receipt(
    submission: Submission, duplicate: bool, facts: Sequence[bytes], window: int
) -> Receipt:
    """Return the receipt of a trade that is in its inbox.

    Args:
        submission: what was submitted.
        duplicate: it was accepted before, and this is its first receipt.
        facts: of the script: position, epoch, accepted (ms); for a duplicate its standing, for a
            new trade with a number of upstream's its standing and the number in order last.
        window: how far ahead of its turn one of upstream's numbers may be.
    """
    position, _epoch, accepted_ms, *sequence = facts
    standing, number = (
        expected_outcome(sequence[0] if sequence else b""),
        submission.sequence_number,
    )
    return Receipt(
        trade_id=submission.trade_id,
        partition_key=submission.partition_key,
        position=int(position),
        accepted_at=from_ms(int(accepted_ms)),
        duplicate=duplicate,
        standing=standing,
        why=explain_again(standing, number)
        if len(sequence) < 2  # what was in order last is known only when it is new
        else explain(standing, number, int(sequence[1]), window),
    )


def conflict(submission: Submission) -> Refusal:
    """Return the refusal of a trade whose id stands for another."""
    return Refusal(
        submission.trade_id,
        RefusalCode.CONFLICT,
        "a trade with this id and other content was accepted before; "
        "give the new trade an id of its own",
    )


def unavailable(submission: Submission, error: Exception) -> Refusal:
    """Return the refusal of a trade that Redis did not store."""
    where = ""
    if isinstance(error, NotReplicatedError):
        where = " safely: the master may have it, and too few replicas do"
    return Refusal(
        submission.trade_id,
        RefusalCode.UNAVAILABLE,
        f"the inbox did not store this trade{where} ({error}); send it again, a resend is harmless",
    )
