"""Results as a run might have found them: what the model says, so that it has no errors."""

from benchmarks.scaling.cell import FLEET, MIXES, SINGLE, USUAL, Measured, cells
from benchmarks.scaling.costs import Costs, Footprint, Line
from benchmarks.scaling.model import Machine, predict
from benchmarks.scaling.results import Results

MACHINE = Machine(cores=2)
DELAYS = {5: 0.0055, 20: 0.0205}
NOTHING = Line(0, 0)

COSTS = Costs(
    seconds=Line(0.006, 50e-6),
    answers=Line(7, 0),
    worker=Line(0.002, 24e-6),
    redis=Line(0.0005, 3e-6),
    postgresql=Line(0.001, 17e-6),
    proxy=Line(0.0005, 1e-6),
    redis_commands=Line(18, 0.15),
    redis_bytes=Line(300, 900),
    database_bytes=Line(1200, 1000),
    ledger_bytes=Line(0, 1300),
    log_bytes=Line(0, 1400),
)
USUAL_COSTS = Costs(
    seconds=Line(0.008, 0),
    answers=Line(6, 0),
    worker=Line(0.005, 0),
    redis=Line(0.0008, 0),
    postgresql=Line(0.001, 0),
    proxy=Line(0.0004, 0),
    redis_commands=Line(13, 0),
    redis_bytes=Line(6700, 0),
    database_bytes=Line(2300, 0),
    ledger_bytes=Line(1300, 0),
    log_bytes=Line(1800, 0),
)
COSTS_OF = {FLEET: COSTS, USUAL: USUAL_COSTS}
FOOTPRINT = Footprint(redis_memory_bytes=900, seen_bytes=400, accept_redis_seconds=28e-6)


def example() -> Results:
    """Return results of all cells of two delays and three numbers of processes."""
    measured = []
    for cell in cells(DELAYS, (1, 4, 16), list(MIXES), [FLEET, USUAL]):
        costs = COSTS_OF[cell.series.way]
        rate = predict(cell, costs, DELAYS[cell.delay_ms], MACHINE).rate
        late = int(cell.series.way == USUAL and cell.series.batch == SINGLE)
        measured.append(Measured(cell, round(rate * 1000), 1000.0, late, 0))
    return Results(MACHINE, DELAYS, COSTS_OF, FOOTPRINT, measured, 3.0, 1200.0)
