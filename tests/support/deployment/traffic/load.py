"""Generates valid trades, spread evenly over partitions."""

from datetime import UTC, datetime

from tests.support.builders import valid_submissions
from tradecapture.trades.submission import Submission

SEED = 7


def submissions(trades: int, partitions: int) -> list[Submission]:
    """Return `trades` different valid trades."""
    valid = valid_submissions(trades, partitions, SEED, datetime.now(UTC).date())
    assert len(valid) == trades
    return valid
