"""The supervisor: runs several programs, starts again what dies, and leaves none behind."""

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
from tradecapture.local.supervisor.restart_policy import EARLY_SECONDS, Restarts

__all__ = ["Event", "EventKind", "Program", "Supervisor", "SupervisorError"]

LOOK_SECONDS = 0.1  # between two looks at the programs: a death or a stop is noticed within it


class SupervisorError(RuntimeError):
    """A program cannot be kept running; all were stopped. The message names it and its log."""


class EventKind(StrEnum):
    """What happened to a program."""

    STARTED = "started"
    DIED = "died"
    RESTARTED = "restarted"
    STOPPED = "stopped"


class Event(NamedTuple):
    """Something that happened to a program; the exit code when it died or was stopped."""

    program: str
    kind: EventKind
    process_id: int
    exit_code: int | None = None


class _Post:
    """A program's place in the supervisor: its child, or the time of its next start."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.child: Child | None = None
        self.started_at = 0.0  # monotonic, seconds
        self.start_at = 0.0  # monotonic, seconds; while there is no child
        self.restarts = Restarts()


class Supervisor:
    """Runs programs: starts them in order, starts again what dies, stops them in reverse order."""

    def __init__(
        self,
        programs: Sequence[Program],
        report: Callable[[Event], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare to run programs.

        Args:
            programs: in the order of their start; a later one may need an earlier one.
            report: told of each event as it happens. What it raises stops everything.
            monotonic: the clock, in seconds.
        """
        self._posts = [_Post(program) for program in programs]
        self._report = report
        self._monotonic = monotonic
        self._signalled = False

    def run_until(self, stop: threading.Event) -> None:
        """Run the programs until `stop` is set or, in the main thread, a signal asks to end.

        SIGTERM, SIGINT and SIGHUP stop everything while this runs in the main thread. However it
        ends, by an exception too, no program is left. Only SIGKILL of this process leaves them.

        Raises:
            SupervisorError: a program cannot be started, or died five times in a row within 10 s
                of its start.
        """
        with self._signals(), ExitStack() as stops:
            started: list[_Post] = []
            for post in self._posts:
                if self._must_end(stop):
                    return
                # An exit stack calls in reverse order, and all of them whatever one raises.
                stops.callback(self._stop, post)
                self._start(post, EventKind.STARTED)
                started.append(post)
                while not (self._must_end(stop) or post.program.ready()):
                    self._look_after(started, stop)
            while not self._must_end(stop):
                self._look_after(started, stop)

    def _must_end(self, stop: threading.Event) -> bool:
        return self._signalled or stop.is_set()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Let the signals that ask to end set a flag; only the main thread may change handlers."""
        former = {}
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                # nohup ignores SIGHUP, and means it.
                if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                    former[number] = signal.signal(number, self._on_signal)
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # A flag and not `stop.set()`: this may interrupt `stop.wait()` while it holds the lock.
        self._signalled = True

    def _start(self, post: _Post, kind: EventKind) -> None:
        try:
            post.child = Child(post.program)
        except OSError as error:
            raise SupervisorError(
                f"{post.program.name} cannot be started: {error}. Everything was stopped."
            ) from error
        post.started_at = self._monotonic()
        self._report(Event(post.program.name, kind, post.child.process_id))

    def _look_after(self, posts: Sequence[_Post], stop: threading.Event) -> None:
        for post in posts:
            self._keep_running(post)
        stop.wait(LOOK_SECONDS)

    def _keep_running(self, post: _Post) -> None:
        if post.child is None:
            if self._monotonic() >= post.start_at:
                self._start(post, EventKind.RESTARTED)
            return
        code = post.child.exit_code()
        if code is None:
            return
        now = self._monotonic()
        child, post.child = post.child, None
        child.kill_group()
        post.restarts = post.restarts.after_death(now - post.started_at)
        post.start_at = now + post.restarts.delay_seconds
        self._report(Event(post.program.name, EventKind.DIED, child.process_id, code))
        if post.restarts.given_up:
            raise SupervisorError(_given_up(post, code))

    def _stop(self, post: _Post) -> None:
        if post.child is not None:
            code = post.child.stop()
            self._report(Event(post.program.name, EventKind.STOPPED, post.child.process_id, code))


def _given_up(post: _Post, code: int) -> str:
    name, log = post.program.name, post.program.log
    text = (
        f"{name} died {post.restarts.early_deaths} times in a row, each time within "
        f"{EARLY_SECONDS:.0f} s of its start (the last with {describe_exit(code)}). "
        "Everything was stopped, no data was removed. Mend the cause and start again; "
    )
    return text + (f"{log} ends with:\n{log_tail(log)}" if log else "its output is above.")
