"""A small cell of each variant of `make scaling`, measured with real workers."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter

import pytest

from benchmarks.scaling.cell import FLEET, SINGLE, SMALL_BATCH, USUAL, Cell, Series
from benchmarks.scaling.measurement.backlog import Backlogs
from benchmarks.scaling.measurement.cells import MS, measure
from benchmarks.scaling.measurement.servers import ScalingServers, open_servers

DELAY_MS = 50
CLIENTS = 16


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ScalingServers]:
    """Servers and a delay proxy of this module."""
    folder = tmp_path_factory.mktemp("servers")
    with open_servers(folder) as servers:
        yield servers


def test_answers_are_delayed_in_parallel(servers: ScalingServers) -> None:
    """One answer waits for the delay, and concurrent ones do not wait for each other."""
    delay = 0.2
    servers.proxy.delay(delay)
    assert 0.95 * delay <= servers.delay_seconds() < 3 * delay

    def ask(_number: int) -> float:
        with servers.connect(servers.settings.database_url) as connection:
            started = perf_counter()
            connection.execute("SELECT 1")
            return perf_counter() - started

    with ThreadPoolExecutor(CLIENTS) as pool:
        assert max(pool.map(ask, range(CLIENTS))) < CLIENTS / 2 * delay
    servers.proxy.delay(0)


def test_a_cell_of_each_variant_is_measured(servers: ScalingServers) -> None:
    """Two processes capture with both variants: the fleet in order, and over five times as fast."""
    backlogs = Backlogs(servers, trades=4000, usual_trades=100)
    backlogs.make("few")
    cells = [
        Cell(Series(variant, "few", batch), DELAY_MS, 2)
        for variant, batch in ((FLEET, SMALL_BATCH), (USUAL, SINGLE))
    ]
    fleet, usual = measure(servers, backlogs, cells, {DELAY_MS: DELAY_MS / MS}, seconds=1.0)
    assert (fleet.inversions, fleet.gaps) == (0, 0)
    assert fleet.trades % SMALL_BATCH == 0
    assert fleet.rate > 5 * usual.rate > 0
