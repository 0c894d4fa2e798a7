"""The model: predicts each cell from the measured costs of one process. No clock, no I/O.

Workers are the customers of a closed queueing network. Each has one batch: it waits for the
database's answers (a delay, during which no worker blocks another) and then queues for a core.
Mean value analysis (Reiser and Lavenberg, 1980) gives the exact throughput of N customers.
"""

from collections.abc import Sequence
from typing import NamedTuple

from benchmarks.scaling.cell import FLEET, MIXES, Cell
from benchmarks.scaling.costs import Costs


class Machine(NamedTuple):
    """What the processes share."""

    cores: int


class Prediction(NamedTuple):
    """What the model predicts for a cell."""

    rate: float  # trades a second
    bottleneck: str  # waiting, partitions, cores or redis


def throughput(customers: int, think_seconds: float, demands: Sequence[float]) -> float:
    """Return how many rounds a second customers make between a delay and single servers.

    Args:
        customers: each makes one round at a time.
        think_seconds: the part of a round in which no customer waits for another.
        demands: the time that a round takes at each server, in seconds, without queueing.
    """
    queues = [0.0] * len(demands)  # customers at each server, on average
    rate = 0.0
    for number in range(1, customers + 1):
        stays = [demand * (1 + queue) for demand, queue in zip(demands, queues, strict=True)]
        rate = number / (think_seconds + sum(stays))
        queues = [rate * stay for stay in stays]
    return rate


def predict(cell: Cell, costs: Costs, delay_seconds: float, machine: Machine) -> Prediction:
    """Return the predicted rate of a cell.

    Args:
        cell: to predict.
        costs: of the cell's variant.
        delay_seconds: of each answer of the database.
        machine: that runs all processes.
    """
    batch = cell.series.batch
    cpu, redis = costs.cpu(batch), costs.redis.of(batch)
    # The time of a batch without CPU: the delay, and waiting for the disk.
    waits = costs.answers.of(batch) * delay_seconds + max(0.0, costs.seconds.of(batch) - cpu)
    workers = _busy_workers(cell, waits + cpu)
    # A queue for several cores is approximated by a queue for one faster core and a delay
    # (Seidmann and others, 1987). Redis uses one core, and is part of what all cores do.
    shared = cpu - redis
    faster = shared / machine.cores
    rate = _throughput_of(workers, waits + shared - faster, (faster, redis)) * batch
    core_limit = machine.cores / cpu * batch
    redis_limit = batch / redis if redis else float("inf")
    bounds = {
        "cores": core_limit,
        "redis": redis_limit,
        "partitions" if workers < cell.processes else "waiting": workers * batch / (waits + cpu),
    }
    rate = min(rate, core_limit, redis_limit)
    return Prediction(rate, min(bounds, key=lambda name: bounds[name]))


def _throughput_of(customers: float, think_seconds: float, demands: Sequence[float]) -> float:
    """Return the throughput of a number of customers that need not be whole."""
    low = int(customers)
    share = customers - low
    rate = throughput(low, think_seconds, demands)
    return rate + share * (throughput(low + 1, think_seconds, demands) - rate) if share else rate


def _busy_workers(cell: Cell, seconds: float) -> float:
    """Return how many workers have a partition to themselves, on average.

    A worker of the fleet claims a free partition, if there is one. A worker of the usual way takes
    the next trade of any partition, and waits for that partition's lock.
    """
    shares = shares_of(cell.series.mix)
    if cell.series.variant == FLEET:
        return min(cell.processes, len(shares))
    # The locks are servers, and a trade takes as long there as its capture.
    demands = [share * seconds for share in shares]
    return throughput(cell.processes, 0.0, demands) * seconds


def shares_of(mix: str) -> list[float]:
    """Return the share of the trades in each partition of a mix."""
    shape = MIXES[mix]
    weights = [(rank + 1) ** -shape.skew for rank in range(shape.partitions)]
    return [weight / sum(weights) for weight in weights]
