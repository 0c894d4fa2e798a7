"""A verdict of the accept script, made into the answer that a submitter reads."""

from collections.abc import Sequence
from datetime import UTC, datetime

from tradecapture.inbox.prediction import explain, explain_again, standing_of
from tradecapture.inbox.scripts import NotReplicatedError
from tradecapture.receipt import Receipt, Refusal, RefusalCode
from tradecapture.submission import Submission


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
    standing, number = standing_of(sequence[0] if sequence else b""), submission.sequence_number
    return Receipt(
        trade_id=submission.trade_id,
        partition_key=submission.partition_key,
        position=int(position),
        accepted_at=datetime.fromtimestamp(int(accepted_ms) / 1000, UTC),
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
