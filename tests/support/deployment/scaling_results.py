"""Example results of a scaling run that agree exactly with the model's prediction."""

from benchmarks.scaling.cell import FLEET, MIXES, SINGLE, USUAL, CellResult, cells
from benchmarks.scaling.costs import Costs, Footprint, LinearCost
from benchmarks.scaling.model import Machine, predict
from benchmarks.scaling.results import Results

MACHINE = Machine(cores=2)
DELAYS = {5: 0.0055, 20: 0.0205}
NOTHING = LinearCost(0, 0)

COSTS = Costs(
    seconds=LinearCost(0.006, 50e-6),
    answers=LinearCost(7, 0),
    worker=LinearCost(0.002, 24e-6),
    redis=LinearCost(0.0005, 3e-6),
    postgresql=LinearCost(0.001, 17e-6),
    proxy=LinearCost(0.0005, 1e-6),
    redis_commands=LinearCost(18, 0.15),
    redis_bytes=LinearCost(300, 900),
    database_bytes=LinearCost(1200, 1000),
    ledger_bytes=LinearCost(0, 1300),
    log_bytes=LinearCost(0, 1400),
)
USUAL_COSTS = Costs(
    seconds=LinearCost(0.008, 0),
    answers=LinearCost(6, 0),
    worker=LinearCost(0.005, 0),
    redis=LinearCost(0.0008, 0),
    postgresql=LinearCost(0.001, 0),
    proxy=LinearCost(0.0004, 0),
    redis_commands=LinearCost(13, 0),
    redis_bytes=LinearCost(6700, 0),
    database_bytes=LinearCost(2300, 0),
    ledger_bytes=LinearCost(1300, 0),
    log_bytes=LinearCost(1800, 0),
)
COSTS_OF = {FLEET: COSTS, USUAL: USUAL_COSTS}
FOOTPRINT = Footprint(redis_memory_bytes=900, seen_bytes=400, accept_redis_seconds=28e-6)


def example() -> Results:
    """Return results of all cells of two delays and three numbers of processes."""
    measured = []
    for cell in cells(DELAYS, (1, 4, 16), list(MIXES), [FLEET, USUAL]):
        costs = COSTS_OF[cell.series.variant]
        rate = predict(cell, costs, DELAYS[cell.delay_ms], MACHINE).rate
        late = int(cell.series.variant == USUAL and cell.series.batch == SINGLE)
        measured.append(CellResult(cell, round(rate * 1000), 1000.0, late, 0))
    return Results(MACHINE, DELAYS, COSTS_OF, FOOTPRINT, measured, 3.0, 1200.0)
