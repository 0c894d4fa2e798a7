"""The scenarios: the seed's four tests, and when each of their trades is due."""

from collections.abc import Iterator
from datetime import date
from itertools import chain
from typing import NamedTuple

import msgspec
from msgspec import Struct

from tradecapture.local.samples.trades import SampleSpec, generate

SEEDS_PER_RUN = 1000  # one for each stream of trades, so that no two share a trade id


class Scenario(NamedTuple):
    """One test: trades sent at a steady rate."""

    name: str
    what: str
    trades: int
    rate: float  # trades a second
    partitions: int
    interleaved: bool = False  # the partitions take turns, with the same number of trades each


class PlannedTrade(NamedTuple):
    """A trade to send."""

    trade_id: str
    body: bytes
    due: float  # seconds after the start of its scenario


SCENARIOS = (
    Scenario("latency", "one trade after the other, 20/s", 100, 20.0, 1000),
    Scenario("sustained", "the desk's day spread evenly, 23/s for 30 s", 690, 23.0, 1000),
    Scenario("burst", "the desk's busiest, 184/s for 5 s", 920, 184.0, 1000),
    Scenario("parallel", "10 partitions at once, 20 trades each, 200/s", 200, 200.0, 10, True),
)


class _TradeId(Struct, rename="camel"):
    trade_id: str


def plan(scenario: Scenario, seed: int, today: date) -> list[PlannedTrade]:
    """Return a scenario's trades, in the order in which they are due.

    Args:
        scenario: to plan.
        seed: of the trades, and part of each id; this run also uses the next `SEEDS_PER_RUN`.
        today: the date in UTC.
    """
    if scenario.interleaved:
        bodies = _interleaved(scenario, seed, today)
    else:
        bodies = generate(valid_sample(scenario.trades, seed, scenario.partitions, today))
    read = msgspec.json.Decoder(_TradeId).decode
    # Interleaved: one trade of each partition at the same moment.
    together = scenario.partitions if scenario.interleaved else 1
    return [
        PlannedTrade(read(body).trade_id, body, number // together * together / scenario.rate)
        for number, body in enumerate(bodies)
    ]


def valid_sample(trades: int, seed: int, partitions: int, today: date) -> SampleSpec:
    """Return a sample in which each trade is valid and is sent once."""
    return SampleSpec(trades, seed, partitions, resends=0, invalid=0, today=today)


def _interleaved(scenario: Scenario, seed: int, today: date) -> Iterator[bytes]:
    each = scenario.trades // scenario.partitions
    streams = [
        generate(valid_sample(each, seed + number, 1, today))
        for number in range(scenario.partitions)
    ]
    return chain.from_iterable(zip(*streams, strict=True))
