"""The plan: the seed's four tests, and when each of their trades is due."""

from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import NamedTuple

import msgspec
from msgspec import Struct

from tradecapture.local.samples.trades import SampleSpec, generate

SEEDS_A_RUN = 1000  # one for each stream of trades in it, so that no two share a trade id


class Scenario(NamedTuple):
    """One test: so many trades at a steady rate."""

    name: str
    what: str
    trades: int
    rate: float  # trades a second
    partitions: int
    interleaved: bool = False  # the trades take the partitions in turn, each as many

    @property
    def seconds(self) -> float:
        """How long the sending takes."""
        return self.trades / self.rate


class Planned(NamedTuple):
    """A trade to be sent."""

    trade_id: str
    body: bytes
    due: float  # seconds after the beginning of its test


SCENARIOS = (
    Scenario("latency", "one trade after the other, 20/s", 100, 20.0, 1000),
    Scenario("sustained", "the desk's day evened out, 23/s for 30 s", 690, 23.0, 1000),
    Scenario("burst", "the desk's busiest, 184/s for 5 s", 920, 184.0, 1000),
    Scenario("parallel", "10 partitions at once, 20 trades each, 200/s", 200, 200.0, 10, True),
)


class _Named(Struct, rename="camel"):
    trade_id: str


def plan(test: Scenario, seed: int, today: date) -> list[Planned]:
    """Return a test's trades in the order in which they are due.

    Args:
        test: to be planned.
        seed: of the trades, and part of each id; the next `SEEDS_A_RUN` belong to this run too.
        today: the date in UTC.
    """
    bodies = _interleaved(test, seed, today) if test.interleaved else _mixed(test, seed, today)
    read = msgspec.json.Decoder(_Named).decode
    # Interleaved: one trade of each partition at the same moment.
    together = test.partitions if test.interleaved else 1
    return [
        Planned(read(body).trade_id, body, number // together * together / test.rate)
        for number, body in enumerate(bodies)
    ]


def clean_mix(trades: int, seed: int, partitions: int, today: date) -> SampleSpec:
    """Return a mix in which each trade is valid and is sent once."""
    return SampleSpec(trades, seed, partitions, resends=0, invalid=0, today=today)


def _mixed(test: Scenario, seed: int, today: date) -> Iterator[bytes]:
    return generate(clean_mix(test.trades, seed, test.partitions, today))


def _interleaved(test: Scenario, seed: int, today: date) -> Iterator[bytes]:
    each = test.trades // test.partitions
    streams = [
        generate(clean_mix(each, seed + number, 1, today)) for number in range(test.partitions)
    ]
    return chain.from_iterable(zip(*streams, strict=True))
