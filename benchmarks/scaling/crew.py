"""The crew: so many worker processes of one way, running for one cell or for several."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.capture.measurement import environment_of
from benchmarks.scaling.cell import FLEET
from benchmarks.scaling.stage import BROKER_DATABASE, Stage
from tradecapture.capture.bell import Bell
from tradecapture.capture.messages import queue_of
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import Inbox
from tradecapture.local.servers.server import wait_until
from tradecapture.local.servers.worker import LocalWorker

MAX_POOL = 8  # pool processes of one main process, as one would run them in one container
REST_SECONDS = 60.0  # for what is in hand to be finished; a drain takes half a second


class Crew:
    """Running workers."""

    def __init__(self, stage: Stage, way: str, workers: list[LocalWorker]) -> None:
        self.workers, self._stage, self._way = workers, stage, way
        self._broker = stage.redis_database(BROKER_DATABASE)
        settings = stage.settings
        inbox = Inbox.connect(settings)
        self._inbox, self._bell = (
            inbox,
            Bell(sending_app(settings.broker, settings.connect_seconds), inbox),
        )

    def begin(self) -> None:
        """Let the workers begin with what waits: one bell a lane, as an acceptance would ring."""
        if self._way == FLEET:
            self._bell.ring(self._inbox.reserve_bells())

    def rest(self) -> None:
        """Wait until no worker has anything in hand; nothing may wait any more.

        Raises:
            TimeoutError: one still has.
        """
        if not wait_until(self._is_idle, REST_SECONDS):
            raise TimeoutError(f"workers are still busy after {REST_SECONDS:.0f} s")

    def _is_idle(self) -> bool:
        queues = [queue_of(lane) for lane in range(self._stage.settings.lanes)]
        waiting = sum(self._broker.llen(queue) for queue in queues)
        time.sleep(0.02)  # a message is in neither place for a moment
        return waiting + self._broker.hlen("unacked") == 0


@contextmanager
def crew(stage: Stage, way: str, processes: int, batch: int) -> Iterator[Crew]:
    """Run worker processes, all ready before the block begins."""
    stage.redis_database(BROKER_DATABASE).flushdb()
    environment = environment_of(replace(stage.settings, batch_trades=batch))
    if way != FLEET:  # it has one Redis for all
        environment["TRADECAPTURE_REDIS_URL"] = stage.settings.broker
    app = "workers" if way == FLEET else "benchmarks.capture.task_per_trade"
    pools = [min(MAX_POOL, processes - first) for first in range(0, processes, MAX_POOL)]
    workers = [
        LocalWorker(
            f"w{number}", stage.folder / f"w{number}.log", environment, concurrency=pool, app=app
        )
        for number, pool in enumerate(pools)
    ]
    try:
        for worker in workers:
            worker.launch()
        for worker in workers:
            worker.wait_ready()
        yield Crew(stage, way, workers)
    finally:
        for worker in workers:
            # Nothing of value is in hand, and a usual worker would first wait for its locks.
            worker.kill()
