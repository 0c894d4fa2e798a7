"""Percentiles of measured times, by the nearest rank. No I/O."""

from collections.abc import Sequence
from math import ceil

from msgspec import Struct


class Percentiles(Struct, frozen=True, rename="camel"):
    """Percentiles of some times, in milliseconds."""

    count: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Percentiles | None":
        """Return the percentiles of times in seconds; None if there are no times."""
        if not seconds:
            return None
        values = (percentile(seconds, share) for share in (0.50, 0.95, 0.99, 1.0))
        return cls(len(seconds), *(round(1000 * value, 1) for value in values))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed.

    Args:
        values: at least one, in any order.
        share: 0 to 1.
    """
    # Rounded first: 0.07 * 100 is slightly more than 7 and would give the eighth value.
    return sorted(values)[max(1, ceil(round(share * len(values), 9))) - 1]
