"""Arrivals: when trades are sent over a day, and to how many partitions."""

from collections.abc import Callable
from typing import NamedTuple

HOUR_SECONDS = 3600
DAY_SECONDS = 24 * HOUR_SECONDS
SUSTAINED = 23.0  # trades a second: 2 million in 24 hours
BURST = 8.0  # times the sustained rate
BURST_HOURS = (15, 17)  # local time of each region
REGIONS = {"Asia": 8, "Europe": 1, "Americas": -5}  # hours ahead of UTC

Rate = Callable[[int], float]  # second of the day (UTC) -> trades a second


class Stream(NamedTuple):
    """Trades that arrive evenly in some partitions."""

    partitions: int
    rate: Rate

    def part(self, share: float) -> "Stream":
        """Return the stream of this share of the partitions."""
        rate = self.rate
        return Stream(round(self.partitions * share), lambda second: share * rate(second))


def is_burst(second: int) -> bool:
    """Return whether some region has its burst at this second of the day (UTC)."""
    first, last = BURST_HOURS
    return any(
        first * HOUR_SECONDS <= (second + ahead * HOUR_SECONDS) % DAY_SECONDS < last * HOUR_SECONDS
        for ahead in REGIONS.values()
    )


def seed_rate(factor: float = 1.0) -> Rate:
    """Return the rate of the seed's day times a factor: 23/s, and 184/s in each region's burst."""
    return lambda second: factor * SUSTAINED * (BURST if is_burst(second) else 1.0)


def hot_rate(rate: float, from_hour: int, to_hour: int) -> Rate:
    """Return a constant rate between two hours (UTC), and 0 otherwise."""
    return lambda second: rate if from_hour <= second / HOUR_SECONDS < to_hour else 0.0


def trades_of(streams: tuple[Stream, ...]) -> int:
    """Return how many trades a day has."""
    return round(sum(stream.rate(second) for stream in streams for second in range(DAY_SECONDS)))
