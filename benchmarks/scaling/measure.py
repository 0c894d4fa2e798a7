"""Measuring: runs the crews, and yields a result for each cell."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import groupby

from benchmarks.scaling.backlog import Backlogs
from benchmarks.scaling.cell import FLEET, Cell, Measured
from benchmarks.scaling.crew import Crew, crew
from benchmarks.scaling.stage import Stage
from benchmarks.scaling.window import Window, watch
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import open_engine
from tradecapture.settings import Settings

MS = 1000  # in a second


def measure(
    stage: Stage,
    backlogs: Backlogs,
    cells: Iterable[Cell],
    delays: Mapping[int, float],
    seconds: float,
) -> Iterator[Measured]:
    """Measure cells, and yield them one by one.

    The fleet's workers stay for all cells of a batch size and a number of processes. The usual
    way's hold tasks back for seconds while they wait for locks, so each cell has its own.

    Args:
        stage: to measure on.
        backlogs: of all mixes.
        cells: those that can share workers stand together.
        delays: really measured, in seconds, by the milliseconds that they were set to.
        seconds: length of a window.

    Raises:
        TimeoutError: the workers of a cell captured nothing, or did not come to rest.
    """
    for (way, batch, processes), group in groupby(cells, key=_crew_of):
        stage.proxy.hold_back(0)
        stage.scene.come_to_rest()
        with ExitStack() as stack:
            workers: Crew | None = None
            for cell in group:
                stage.proxy.hold_back(0)
                if workers is None or way != FLEET:
                    stack.close()
                    workers = None
                backlogs.remove()
                if workers is None:
                    workers = stack.enter_context(crew(stage, way, processes, batch))
                else:
                    workers.rest()
                window = run(stage, backlogs, workers, cell, delays[cell.delay_ms], seconds)
                backlogs.remove()
                stage.proxy.hold_back(0)
                if way == FLEET:
                    workers.rest()
                inversions, gaps = _disorder(stage)
                yield Measured(cell, window.trades, window.seconds, inversions, gaps)


def run(
    stage: Stage,
    backlogs: Backlogs,
    workers: Crew,
    cell: Cell,
    delay: float,
    seconds: float,
    *,
    with_costs: bool = False,
) -> Window:
    """Run one cell; its workers are there, and have nothing in hand."""
    way, mix = cell.series.way, cell.series.mix
    stage.empty_ledger(backlogs.partition_keys(mix))
    backlogs.put(way, mix)
    stage.proxy.hold_back(cell.delay_ms / MS)
    backlog = backlogs.trades(way)
    return watch(stage, workers, backlog, delay, seconds, with_costs=with_costs)


def _crew_of(cell: Cell) -> tuple[str, int, int]:
    return cell.series.way, cell.series.batch, cell.processes


def _disorder(stage: Stage) -> tuple[int, int]:
    settings = Settings(database_url=stage.direct_url, connect_seconds=5)
    with open_engine(settings) as (engine, dialect):
        reader = LedgerReader(engine, dialect)
        return reader.count_inversions(), reader.count_broken_sequences()
