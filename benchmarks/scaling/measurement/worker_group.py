"""Worker processes of one variant, running for one cell or for several."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from benchmarks.capture.measurement import environment_of
from benchmarks.scaling.cell import FLEET
from benchmarks.scaling.measurement.servers import BROKER_DATABASE, ScalingServers
from tradecapture.capture.bell import Bell
from tradecapture.capture.messages import queue_of
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import Inbox
from tradecapture.local.servers.server import wait_until
from tradecapture.local.servers.worker import LocalWorker

MAX_POOL = 8  # pool processes of one main process, as in one container
IDLE_TIMEOUT_SECONDS = 60.0  # a drain takes half a second


class WorkerGroup:
    """Running workers."""

    def __init__(self, servers: ScalingServers, variant: str, workers: list[LocalWorker]) -> None:
        self.workers, self._servers, self._variant = workers, servers, variant
        self._broker = servers.redis_database(BROKER_DATABASE)
        settings = servers.settings
        self._inbox = Inbox.connect(settings)
        self._bell = Bell(sending_app(settings.broker, settings.connect_seconds), self._inbox)

    def begin(self) -> None:
        """Let the workers begin with the backlog: one bell a lane, as after an acceptance."""
        if self._variant == FLEET:
            self._bell.ring(self._inbox.reserve_bells())

    def wait_until_idle(self) -> None:
        """Wait until no worker runs a task. The backlog must be empty.

        Raises:
            TimeoutError: a worker is still busy after 60 s.
        """
        if not wait_until(self._is_idle, IDLE_TIMEOUT_SECONDS):
            raise TimeoutError(f"workers are still busy after {IDLE_TIMEOUT_SECONDS:.0f} s")

    def _is_idle(self) -> bool:
        queues = [queue_of(lane) for lane in range(self._servers.settings.lanes)]
        waiting = sum(self._broker.llen(queue) for queue in queues)
        time.sleep(0.02)  # for a moment, a message is neither in its queue nor unacknowledged
        return waiting + self._broker.hlen("unacked") == 0


@contextmanager
def run_workers(
    servers: ScalingServers, variant: str, processes: int, batch: int
) -> Iterator[WorkerGroup]:
    """Run worker processes. All are ready when the block begins."""
    servers.redis_database(BROKER_DATABASE).flushdb()
    environment = environment_of(replace(servers.settings, batch_trades=batch))
    if variant != FLEET:  # it uses one Redis for everything
        environment["TRADECAPTURE_REDIS_URL"] = servers.settings.broker
    app = "workers" if variant == FLEET else "benchmarks.capture.task_per_trade"
    pools = [min(MAX_POOL, processes - first) for first in range(0, processes, MAX_POOL)]
    workers = [
        LocalWorker(
            f"w{number}", servers.folder / f"w{number}.log", environment, concurrency=pool, app=app
        )
        for number, pool in enumerate(pools)
    ]
    try:
        for worker in workers:
            worker.launch()
        for worker in workers:
            worker.wait_ready()
        yield WorkerGroup(servers, variant, workers)
    finally:
        for worker in workers:
            # Nothing is lost, and a worker of the usual way would first wait for its locks.
            worker.kill()
