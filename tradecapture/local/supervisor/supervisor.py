"""The supervisor: runs several programs, restarts those that die, and stops all of them."""

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from types import FrameType
from typing import NamedTuple

from tradecapture.local.servers.server import log_tail
from tradecapture.local.supervisor.program import Child, Program, describe_exit
from tradecapture.local.supervisor.restart_policy import EARLY_SECONDS, RestartPolicy

__all__ = ["Event", "EventKind", "Program", "Supervisor", "SupervisorError"]

POLL_INTERVAL_SECONDS = 0.1  # a death or a stop is noticed within it


class SupervisorError(RuntimeError):
    """A program cannot be kept running; all were stopped. The message names it and its log."""


class EventKind(StrEnum):
    """What happened to a program."""

    STARTED = "started"
    DIED = "died"
    RESTARTED = "restarted"
    STOPPED = "stopped"


class Event(NamedTuple):
    """Something that happened to a program."""

    program: str
    kind: EventKind
    process_id: int
    exit_code: int | None = None  # of a program that died or was stopped


class _ProgramState:
    """A program's child process or, while there is none, the time of its next start."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.child: Child | None = None
        self.started_at = 0.0  # monotonic, seconds
        self.next_start_at = 0.0  # monotonic, seconds
        self.restarts = RestartPolicy()


class Supervisor:
    """Starts programs in order, restarts those that die, and stops all in reverse order."""

    def __init__(
        self,
        programs: Sequence[Program],
        report: Callable[[Event], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to run programs.

        Args:
            programs: in the order of their start; a later one may need an earlier one.
            report: called with each event as it happens. What it raises stops everything.
            monotonic: the clock, in seconds.
        """
        self._programs = [_ProgramState(program) for program in programs]
        self._report = report
        self._monotonic = monotonic
        self._signalled = False

    def run_until(self, stop: threading.Event) -> None:
        """Run the programs until `stop` is set or, in the main thread, a signal asks to end.

        SIGTERM, SIGINT and SIGHUP stop everything while this runs in the main thread. No program
        is left when this returns or raises. Only a SIGKILL of this process leaves them running.

        Raises:
            SupervisorError: a program cannot be started, or died five times in a row within 10 s
                of its start.
        """
        with self._signal_handlers(), ExitStack() as stops:
            running: list[_ProgramState] = []
            for state in self._programs:
                if self._must_end(stop):
                    return
                # An exit stack calls in reverse order, and calls all even if one raises.
                stops.callback(self._stop, state)
                self._start(state, EventKind.STARTED)
                running.append(state)
                while not (self._must_end(stop) or state.program.is_ready()):
                    self._keep_running(running, stop)
            while not self._must_end(stop):
                self._keep_running(running, stop)

    def _must_end(self, stop: threading.Event) -> bool:
        return self._signalled or stop.is_set()

    @contextmanager
    def _signal_handlers(self) -> Iterator[None]:
        """Let the signals that ask to end set a flag; only the main thread may change handlers."""
        previous = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                # `nohup` makes a process ignore SIGHUP, and that must stay so.
                if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                    previous[number] = signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # A flag and not `stop.set()`: this may interrupt `stop.wait()` while it holds the lock.
        self._signalled = True

    def _start(self, state: _ProgramState, kind: EventKind) -> None:
        try:
            state.child = Child(state.program)
        except OSError as error:
            raise SupervisorError(
                f"{state.program.name} cannot be started: {error}. Everything was stopped."
            ) from error
        state.started_at = self._monotonic()
        self._report(Event(state.program.name, kind, state.child.process_id))

    def _keep_running(self, running: Sequence[_ProgramState], stop: threading.Event) -> None:
        """Restart each program that died and whose delay is over, then wait for a moment."""
        for state in running:
            if state.child is None:
                if self._monotonic() >= state.next_start_at:
                    self._start(state, EventKind.RESTARTED)
            elif (code := state.child.exit_code()) is not None:
                self._schedule_restart(state, state.child, code)
        stop.wait(POLL_INTERVAL_SECONDS)

    def _schedule_restart(self, state: _ProgramState, child: Child, code: int) -> None:
        state.child = None
        child.kill_group()
        now = self._monotonic()
        state.restarts = state.restarts.after_death(now - state.started_at)
        state.next_start_at = now + state.restarts.delay_seconds
        self._report(Event(state.program.name, EventKind.DIED, child.process_id, code))
        if state.restarts.is_exhausted:
            raise SupervisorError(_describe_failure(state, code))

    def _stop(self, state: _ProgramState) -> None:
        if state.child is not None:
            code = state.child.stop()
            self._report(Event(state.program.name, EventKind.STOPPED, state.child.process_id, code))


def _describe_failure(state: _ProgramState, code: int) -> str:
    name, log = state.program.name, state.program.log
    text = (
        f"{name} died {state.restarts.early_deaths} times in a row, each time within "
        f"{EARLY_SECONDS:.0f} s of its start (the last with {describe_exit(code)}). "
        "Everything was stopped, no data was removed. Repair the cause and start again; "
    )
    return text + (f"{log} ends with:\n{log_tail(log)}" if log else "its output is above.")
