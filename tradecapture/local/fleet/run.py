"""A run of the local fleet: start it, keep it running while some work is done, stop all of it."""

import math
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tradecapture.local.fleet.data_folder import DataFolder, Running
from tradecapture.local.fleet.errors import LocalFleetError
from tradecapture.local.fleet.programs import Fleet
from tradecapture.local.supervisor.program import describe_exit
from tradecapture.local.supervisor.supervisor import Event, EventKind, Supervisor

READY_LOOK_SECONDS = 0.1  # between two looks whether everything is ready
READY_REMARK_SECONDS = 20.0  # a usual start takes 5; after this the user is told where to look

Result = TypeVar("Result")
Progress = Callable[[str], None]


class FleetRun:
    """One run of the local fleet in a data folder that is locked for it."""

    def __init__(self, folder: DataFolder, fleet: Fleet, say: Progress) -> None:
        self.fleet = fleet
        self._folder, self._say = folder, say
        self._processes: dict[str, int] = {}
        self._ready = False

    def run(
        self,
        work: Callable[["FleetRun", threading.Event], Result],
        ready_seconds: float = math.inf,
    ) -> Result:
        """Run the fleet for as long as some work takes, or until a signal asks to end.

        Args:
            work: called in a thread once everything is ready, with an event that says that it
                must end; that event may be set already.
            ready_seconds: how long everything may take to be ready.

        Raises:
            SupervisorError: a program cannot be kept running.
            LaneCountError: Redis was first used with another lane count.
            LocalFleetError: not everything became ready in time.
        """
        stop = threading.Event()
        with ThreadPoolExecutor(1) as executor:
            done = executor.submit(self._when_ready, work, stop, ready_seconds)
            done.add_done_callback(lambda _: stop.set())
            try:
                Supervisor(self.fleet.programs(), self._report).run_until(stop)
            finally:
                stop.set()
        return done.result()

    @property
    def running(self) -> Running:
        """What runs now."""
        return Running(
            process_id=os.getpid(),
            redis_url=self.fleet.settings.redis_url,
            database_url=self.fleet.settings.database_url,
            api_url=self.fleet.api_url,
            flower_url=self.fleet.flower_url,
            process_ids=dict(self._processes),
        )

    def _when_ready(
        self,
        work: Callable[["FleetRun", threading.Event], Result],
        stop: threading.Event,
        ready_seconds: float,
    ) -> Result:
        began, remarked = time.monotonic(), False
        while not (stop.is_set() or self.fleet.is_ready()):
            stop.wait(READY_LOOK_SECONDS)
            waited = time.monotonic() - began
            if waited > ready_seconds:
                raise LocalFleetError(
                    f"the API and the workers were not ready within {ready_seconds:.0f} s: see "
                    f"their logs in {self.fleet.logs}",
                )
            if waited > READY_REMARK_SECONDS and not remarked:
                self._say(f"not everything is ready yet; the logs are in {self.fleet.logs}")
                remarked = True
        if not stop.is_set():
            self._ready = True
            self._folder.note_running(self.running)
        return work(self, stop)

    def _report(self, event: Event) -> None:
        name = event.program
        if event.kind in (EventKind.STARTED, EventKind.RESTARTED):
            self._processes[name] = event.process_id
        if event.kind is EventKind.STARTED:
            self._say(f"{name} starts (process {event.process_id})")
        elif event.kind is EventKind.DIED and event.exit_code is not None:
            self._say(f"{name} died ({describe_exit(event.exit_code)}); it is started again")
        elif event.kind is EventKind.RESTARTED:
            self._say(f"{name} was started again (process {event.process_id})")
            if self._ready:
                self._folder.note_running(self.running)
        elif event.kind is EventKind.STOPPED:
            self._say(f"{name} stopped")
