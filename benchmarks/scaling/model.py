"""The model: predicts each cell from the measured costs of one process. No clock, no I/O.

Workers are customers of a closed network, each with one batch in hand: it waits for the database's
answers (a delay, in which nobody stands in the way of anybody), then stands in line for a core.
Mean value analysis (Reiser and Lavenberg, 1980) gives the throughput of so many customers exactly.
"""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.scaling.cell import FLEET, MIXES, Cell
from benchmarks.scaling.costs import Costs


class Machine(NamedTuple):
    """What the processes share."""

    cores: int


class Prediction(NamedTuple):
    """What the model says of a cell."""

    rate: float  # trades a second
    full: str  # what bounds it: waiting, partitions, cores or redis


def throughput(customers: int, think_seconds: float, demands: Sequence[float]) -> float:
    """Return how many rounds a second customers make between a delay and single servers.

    Args:
        customers: how many there are, one round each at a time.
        think_seconds: what a round takes where nobody waits for anybody.
        demands: what a round takes at each server, in seconds; there they stand in line.
    """
    lines = [0.0] * len(demands)  # customers in each line, on average
    rate = 0.0
    for number in range(1, customers + 1):
        stays = [demand * (1 + line) for demand, line in zip(demands, lines, strict=True)]
        rate = number / (think_seconds + sum(stays))
        lines = [rate * stay for stay in stays]
    return rate


def predict(cell: Cell, costs: Costs, delay_seconds: float, machine: Machine) -> Prediction:
    """Return the predicted rate of a cell."""
    batch = cell.series.batch
    cpu, redis = costs.cpu(batch), costs.redis.of(batch)
    # What a batch takes beside the cores: the delay, and waiting for the disk.
    waits = costs.answers.of(batch) * delay_seconds + max(0.0, costs.seconds.of(batch) - cpu)
    workers = _at_work(cell, waits + cpu)
    # A line before several cores is one before a single faster one, and the rest is a delay
    # (Seidmann and others, 1987). Redis runs on one core, and is part of what all cores do.
    shared = cpu - redis
    faster = shared / machine.cores
    rate = throughput_of(workers, waits + shared - faster, (faster, redis)) * batch
    core_limit = machine.cores / cpu * batch
    redis_limit = batch / redis if redis else float("inf")
    bounds = {
        "cores": core_limit,
        "redis": redis_limit,
        "partitions" if workers < cell.processes else "waiting": workers * batch / (waits + cpu),
    }
    rate = min(rate, core_limit, redis_limit)
    return Prediction(rate, min(bounds, key=lambda name: bounds[name]))


def throughput_of(customers: float, think_seconds: float, demands: Sequence[float]) -> float:
    """Return the throughput of a number of customers that need not be whole."""
    low = int(customers)
    share = customers - low
    rate = throughput(low, think_seconds, demands)
    return rate + share * (throughput(low + 1, think_seconds, demands) - rate) if share else rate


def _at_work(cell: Cell, seconds: float) -> float:
    """Return how many workers have something to do, on average, that nobody else has in hand.

    A worker of the fleet claims a partition that is free, if there is one. One of the usual way
    takes the next trade, whichever partition it is of, and waits for the partition's lock.
    """
    shares = shares_of(cell.series.mix)
    if cell.series.way == FLEET:
        return min(cell.processes, len(shares))
    # The locks are servers, at which a trade takes as long as its capture.
    demands = [share * seconds for share in shares]
    return throughput(cell.processes, 0.0, demands) * seconds


def shares_of(mix: str) -> list[float]:
    """Return the share of the trades that falls on each partition of a mix."""
    shape = MIXES[mix]
    weights = [(rank + 1) ** -shape.skew for rank in range(shape.partitions)]
    return [weight / sum(weights) for weight in weights]
