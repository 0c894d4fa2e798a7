"""A tiny cell of each way, with real workers: the command that measures cannot rot."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import pytest

from benchmarks.scaling.backlog import Backlogs
from benchmarks.scaling.cell import FLEET, SINGLE, SMALL_BATCH, USUAL, Cell, Series
from benchmarks.scaling.measure import MS, measure
from benchmarks.scaling.stage import Stage, open_stage

DELAY_MS = 50
CLIENTS = 16


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Servers and a proxy of their own."""
    folder = tmp_path_factory.mktemp("stage")
    with open_stage(folder) as stage:
        yield stage


def test_answers_are_held_back_side_by_side(stage: Stage) -> None:
    """One by the delay, and many at once by no more than a few of them one after another."""
    delay = 0.2
    stage.proxy.hold_back(delay)
    assert 0.95 * delay <= stage.delay_seconds() < 3 * delay

    def ask(_number: int) -> float:
        with stage.connect(stage.settings.database_url) as connection:
            started = perf_counter()
            connection.execute("SELECT 1")
            return perf_counter() - started

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert max(pool.map(ask, range(CLIENTS))) < CLIENTS / 2 * delay
    stage.proxy.hold_back(0)


def test_a_cell_of_each_way_is_measured(stage: Stage) -> None:
    """Two processes capture with both ways; the fleet in order, and many times as much."""
    backlogs = Backlogs(stage, trades=4000, usual_trades=100)
    backlogs.make("few")
    cells = [
        Cell(Series(way, "few", batch), DELAY_MS, 2)
        for way, batch in ((FLEET, SMALL_BATCH), (USUAL, SINGLE))
    ]
    ours, usual = measure(stage, backlogs, cells, {DELAY_MS: DELAY_MS / MS}, seconds=1.0)
    assert (ours.inversions, ours.gaps) == (0, 0)
    assert ours.trades % SMALL_BATCH == 0
    assert ours.rate > 5 * usual.rate > 0
