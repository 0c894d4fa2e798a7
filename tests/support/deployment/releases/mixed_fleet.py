"""Run workers and APIs of two releases on one Redis and one ledger."""

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Self

from tests.support import ROOT
from tests.support.api.servers import API, environment_of
from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.releases.previous import ReleaseApi, ReleaseWorker
from tradecapture.doctor.workers import ask_workers, workers_by_release
from tradecapture.local.servers.worker import FLEET_APP


class MixedFleet:
    """Workers and APIs of several releases in one deployment, as a context manager."""

    def __init__(self, deployment: Deployment) -> None:
        """Prepare to start processes in a deployment whose servers run."""
        self.deployment = deployment
        self._running = ExitStack()

    def worker(
        self, name: str, code: Path = ROOT, app: str = FLEET_APP, **environment: str
    ) -> ReleaseWorker:
        """Start a worker with the code of a release, without waiting for it."""
        log = self.deployment.folder / f"{name}.log"
        worker = ReleaseWorker(name, log, {**self._environment(), **environment}, code, app)
        self._running.callback(worker.kill)
        return worker.launch()

    def api(self, name: str, code: Path = ROOT, app: str = API) -> ReleaseApi:
        """Start an API with the code of a release, and wait until it answers."""
        api = ReleaseApi(self.deployment.folder / name, self._environment(), code, app)
        self._running.callback(api.kill)
        api.start()
        return api

    def wait_for_releases(self, *releases: str) -> None:
        """Wait until workers of exactly these releases answer."""

        def do_answer() -> bool:
            return workers_by_release(ask_workers(self.deployment.settings)).keys() == set(releases)

        wait_for(f"workers of {releases} answer", do_answer)

    def __enter__(self) -> Self:
        """Return the fleet, which has no processes yet."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Kill the processes that still run."""
        self._running.close()

    def _environment(self) -> dict[str, str]:
        settings = asdict(self.deployment.settings)
        return environment_of(**{name: str(value) for name, value in settings.items()})
