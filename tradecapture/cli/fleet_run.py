"""A run of the local fleet: check everything, start it, keep it running, stop all of it."""

import math
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from tradecapture.cli.data_folder import DataFolder
from tradecapture.cli.failure import UNREACHABLE, USAGE, CommandError
from tradecapture.cli.fleet import Fleet
from tradecapture.cli.place import DATABASE, REDIS
from tradecapture.cli.running import Running
from tradecapture.ledger import upgrade
from tradecapture.ledger.engine import make_engine
from tradecapture.local.ports import LOOPBACK, is_free
from tradecapture.local.program import describe_exit
from tradecapture.local.supervisor import Event, EventKind, Supervisor
from tradecapture.settings import Settings

READY_LOOK_SECONDS = 0.1  # between two looks whether everything is ready
READY_REMARK_SECONDS = 20.0  # a usual start takes 5; after this the user is told where to look

Result = TypeVar("Result")
Say = Callable[[str], None]


class FleetRun:
    """One run of the local fleet in a data folder that is locked for it."""

    def __init__(self, folder: DataFolder, fleet: Fleet, say: Say) -> None:
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
            CommandError: not everything became ready in time.
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
                raise CommandError(
                    f"the API and the workers were not ready within {ready_seconds:.0f} s: see "
                    f"their logs in {self.fleet.logs}",
                    UNREACHABLE,
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


@contextmanager
def prepared(
    data: Path,
    say: Say,
    environment: Mapping[str, str],
    *,
    api_port: int,
    flower_port: int,
    workers: int,
    concurrency: int,
) -> Iterator[FleetRun]:
    """Check ports and servers, lock the data folder and make the tables; start nothing yet.

    Raises:
        CommandError: a port is taken, or the data folder is in use.
        SettingsError: a variable is not usable.
        LaneCountError: the Redis given was first used with another lane count.
        redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError: a server given does not
            answer.
    """
    folder = DataFolder(data)
    with folder.locked():
        given, redis_port = dict(environment), 0
        if not given.get(REDIS, "").strip():
            redis_port = folder.redis_port()
            given[REDIS] = f"redis://{LOOPBACK}:{redis_port}/0"
        if not given.get(DATABASE, "").strip():
            given[DATABASE] = f"sqlite:///{folder.ledger}"
        _check_ports({"--api-port": api_port, "--flower-port": flower_port})
        settings = Settings.from_environment(given)
        fleet = Fleet(
            settings=settings,
            environment=given,
            redis_folder=folder.redis if redis_port else None,
            redis_port=redis_port,
            logs=folder.logs,
            api_port=api_port,
            flower_port=flower_port,
            workers=workers,
            concurrency=concurrency,
        )
        if not redis_port:
            fleet.check_lanes()
        _make_tables(settings)
        yield FleetRun(folder, fleet, say)


def _check_ports(ports: dict[str, int]) -> None:
    for option, port in ports.items():
        if port and not is_free(port):
            raise CommandError(
                f"{option} {port} is taken by another program. Nothing was started: stop that "
                f"program, or give another port with {option}",
                USAGE,
            )
    if len(set(ports.values())) < len(ports):
        raise CommandError(f"{' and '.join(ports)} are the same: give two ports", USAGE)


def _make_tables(settings: Settings) -> None:
    engine, _dialect = make_engine(
        settings.database_url, pool_size=1, timeout_seconds=settings.connect_seconds
    )
    try:
        upgrade(engine)
    finally:
        engine.dispose()
