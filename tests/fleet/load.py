"""Load for a fleet: valid trades, spread evenly over partitions."""

from datetime import UTC, datetime

from tradecapture.generate import Mix, generate
from tradecapture.submission import Submission, read_submission


def submissions(trades: int, partitions: int, seed: int = 7) -> list[Submission]:
    """Return so many valid trades, each once."""
    today = datetime.now(UTC).date()
    mix = Mix(
        trades=trades,
        seed=seed,
        partitions=partitions,
        skew=0,
        resends=0,
        invalid=0,
        today=today,
    )
    read = [read_submission(body, today) for body in generate(mix)]
    valid = [item for item in read if isinstance(item, Submission)]
    assert len(valid) == trades
    return valid
