"""Measures cells: starts the workers that cells share, and yields one result a cell."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from itertools import groupby

from benchmarks.scaling.cell import FLEET, Cell, CellResult
from benchmarks.scaling.measurement.backlog import Backlogs
from benchmarks.scaling.measurement.servers import ScalingServers
from benchmarks.scaling.measurement.window import Window, measure_window
from benchmarks.scaling.measurement.worker_group import WorkerGroup, run_workers
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.engine import open_engine
from tradecapture.settings import Settings

MS = 1000  # in a second


def measure(
    servers: ScalingServers,
    backlogs: Backlogs,
    cells: Iterable[Cell],
    delays: Mapping[int, float],
    seconds: float,
) -> Iterator[CellResult]:
    """Measure cells, and yield their results one by one.

    The fleet's workers are shared by all cells with the same batch size and number of processes.
    Workers of the usual way keep tasks for seconds while they wait for locks, so each cell gets
    new ones.

    Args:
        servers: to measure on.
        backlogs: of all mixes.
        cells: cells that can share workers follow each other.
        delays: delay that is set, in milliseconds -> measured, in seconds.
        seconds: length of a window.

    Raises:
        TimeoutError: the workers of a cell captured nothing, or did not become idle.
    """
    for (variant, batch, processes), group in groupby(cells, key=_worker_group_of):
        servers.proxy.delay(0)
        servers.servers.wait_until_idle()
        with ExitStack() as stack:
            workers: WorkerGroup | None = None
            for cell in group:
                servers.proxy.delay(0)
                if workers is None or variant != FLEET:
                    stack.close()
                    workers = None
                backlogs.remove()
                if workers is None:
                    workers = stack.enter_context(run_workers(servers, variant, processes, batch))
                else:
                    workers.wait_until_idle()
                window = run(servers, backlogs, workers, cell, delays[cell.delay_ms], seconds)
                backlogs.remove()
                servers.proxy.delay(0)
                if variant == FLEET:
                    workers.wait_until_idle()
                inversions, gaps = _disorder(servers)
                yield CellResult(cell, window.trades, window.seconds, inversions, gaps)


def run(
    servers: ScalingServers,
    backlogs: Backlogs,
    workers: WorkerGroup,
    cell: Cell,
    delay: float,
    seconds: float,
    *,
    with_costs: bool = False,
) -> Window:
    """Measure the window of one cell, with idle workers.

    Args:
        servers: to measure on.
        backlogs: of all mixes.
        workers: of the cell's variant, batch size and number of processes.
        cell: to measure.
        delay: of an answer, as measured, in seconds.
        seconds: length of the window.
        with_costs: whether to measure CPU, bytes and answers too.
    """
    variant, mix = cell.series.variant, cell.series.mix
    servers.empty_ledger(backlogs.partition_keys(mix))
    backlogs.put(variant, mix)
    servers.proxy.delay(cell.delay_ms / MS)
    trades = backlogs.trades(variant)
    return measure_window(servers, workers, trades, delay, seconds, with_costs=with_costs)


def _worker_group_of(cell: Cell) -> tuple[str, int, int]:
    return cell.series.variant, cell.series.batch, cell.processes


def _disorder(servers: ScalingServers) -> tuple[int, int]:
    settings = Settings(database_url=servers.direct_url, connect_seconds=5)
    with open_engine(settings) as (engine, dialect):
        reader = LedgerReader(engine, dialect)
        return reader.count_inversions(), reader.count_broken_sequences()
