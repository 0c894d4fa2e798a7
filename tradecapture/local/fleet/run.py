"""One run of a local fleet: starts it, does some work while it runs, and stops all of it."""

import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tradecapture.local.fleet.data_folder import DataFolder, RunningFleet
from tradecapture.local.fleet.errors import LocalFleetError
from tradecapture.local.fleet.programs import Fleet
from tradecapture.local.supervisor.program import describe_exit
from tradecapture.local.supervisor.supervisor import Event, EventKind, Supervisor

READY_POLL_SECONDS = 0.1
READY_NOTICE_SECONDS = (
    20.0  # a start usually takes 5; after this the user learns where the logs are
)

Result = TypeVar("Result")
Progress = Callable[[str], None]  # called with each line of progress


class FleetRun:
    """One run of a local fleet in a data folder that is locked for it."""

    def __init__(self, folder: DataFolder, fleet: Fleet, report: Progress) -> None:
        self.fleet = fleet
        self._folder, self._report = folder, report
        self._processes: dict[str, int] = {}
        self._ready = False

    def run(
        self,
        work: Callable[["FleetRun", threading.Event], Result],
        ready_timeout_seconds: float = math.inf,
    ) -> Result:
        """Run the fleet until some work is done, or until a signal asks to end.

        Args:
            work: called in a thread once everything is ready, with an event that is set when the
                work must end. The event may be set from the start.
            ready_timeout_seconds: how long the fleet may take to become ready.

        Raises:
            SupervisorError: a program cannot be kept running.
            LaneCountError: Redis was first used with another lane count.
            LocalFleetError: the fleet did not become ready in time.
        """
        stop = threading.Event()
        with ThreadPoolExecutor(1) as executor:
            done = executor.submit(self._work_when_ready, work, stop, ready_timeout_seconds)
            done.add_done_callback(lambda _: stop.set())
            try:
                Supervisor(self.fleet.programs(), self._report_event).run_until(stop)
            finally:
                stop.set()
        return done.result()

    @property
    def running_fleet(self) -> RunningFleet:
        """What runs now, and where."""
        return RunningFleet(
            process_id=os.getpid(),
            redis_url=self.fleet.settings.redis_url,
            database_url=self.fleet.settings.database_url,
            api_url=self.fleet.api_url,
            flower_url=self.fleet.flower_url,
            process_ids=dict(self._processes),
        )

    def _work_when_ready(
        self,
        work: Callable[["FleetRun", threading.Event], Result],
        stop: threading.Event,
        ready_timeout_seconds: float,
    ) -> Result:
        self._wait_ready(stop, ready_timeout_seconds)
        if not stop.is_set():
            self._ready = True
            self._folder.record(self.running_fleet)
        return work(self, stop)

    def _wait_ready(self, stop: threading.Event, timeout_seconds: float) -> None:
        started_at, noticed = time.monotonic(), False
        while not (stop.is_set() or self.fleet.is_ready()):
            stop.wait(READY_POLL_SECONDS)
            waited_seconds = time.monotonic() - started_at
            if waited_seconds > timeout_seconds:
                raise LocalFleetError(
                    f"the API and the workers were not ready within {timeout_seconds:.0f} s: see "
                    f"their logs in {self.fleet.logs}"
                )
            if waited_seconds > READY_NOTICE_SECONDS and not noticed:
                self._report(f"not everything is ready yet; the logs are in {self.fleet.logs}")
                noticed = True

    def _report_event(self, event: Event) -> None:
        name = event.program
        if event.kind in (EventKind.STARTED, EventKind.RESTARTED):
            self._processes[name] = event.process_id
        if event.kind is EventKind.STARTED:
            self._report(f"{name} starts (process {event.process_id})")
        elif event.kind is EventKind.DIED and event.exit_code is not None:
            self._report(f"{name} died ({describe_exit(event.exit_code)}); starting it again")
        elif event.kind is EventKind.RESTARTED:
            self._report(f"{name} was started again (process {event.process_id})")
            if self._ready:
                self._folder.record(self.running_fleet)
        elif event.kind is EventKind.STOPPED:
            self._report(f"{name} stopped")
