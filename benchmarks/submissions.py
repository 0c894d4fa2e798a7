"""Valid sample trades as submissions, the load of the benchmarks."""

from datetime import date

from tradecapture.local.samples.trades import SampleSpec, generate
from tradecapture.trades.submission import Submission, read_submission


def valid_submissions(
    trades: int, partitions: int, seed: int, today: date, *, skew: float = 0
) -> list[Submission]:
    """Return valid trades, each once, ready to be accepted.

    Args:
        trades: how many.
        partitions: how many the trades spread over.
        seed: the same seed gives the same trades.
        today: the trade date of most trades.
        skew: how unevenly they spread, the exponent of Zipf's law; 0 is evenly.
    """
    spec = SampleSpec(trades, seed, partitions, skew=skew, resends=0, invalid=0, today=today)
    results = (read_submission(body, today) for body in generate(spec))
    return [result for result in results if isinstance(result, Submission)]
