"""The supervisor starts programs in order, restarts dead ones, and leaves no process behind."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest

from tradecapture.local.servers.server import wait_until
from tradecapture.local.supervisor.program import describe_exit
from tradecapture.local.supervisor.restart_policy import FIRST_DELAY_SECONDS
from tradecapture.local.supervisor.supervisor import (
    Event,
    EventKind,
    Program,
    Supervisor,
    SupervisorError,
)

SLEEP = ("sleep", "600")
TIMEOUT_SECONDS = 20.0  # each wait takes a fraction of a second on an idle machine


def program(name: str, *command: str, log: Path | None = None, **options: object) -> Program:
    """Return a program with the environment of this process."""
    return Program(name, command or SLEEP, dict(os.environ), log, **options)  # type: ignore[arg-type]


def shell(
    name: str, script: str, log: Path | None = None, stop_timeout_seconds: float = 10.0
) -> Program:
    """Return a program that is a shell script."""
    return program(name, "sh", "-c", script, log=log, stop_timeout_seconds=stop_timeout_seconds)


def is_gone(process_id: int) -> bool:
    """Return whether a process has ended; a zombie counts as ended."""
    try:
        return ") Z " in Path(f"/proc/{process_id}/stat").read_text()
    except FileNotFoundError:
        return True


class Running:
    """A supervisor that runs in a thread during a with block; records its events and error."""

    def __init__(self, *programs: Program, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.events: list[Event] = []
        self.error: SupervisorError | None = None
        self.stop = threading.Event()
        self._supervisor = Supervisor(programs, self.events.append, monotonic)
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._supervisor.run_until(self.stop)
        except SupervisorError as error:
            self.error = error

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop.set()
        self._thread.join(TIMEOUT_SECONDS)
        assert not self._thread.is_alive()

    def of_kind(self, kind: EventKind) -> list[Event]:
        """Return the recorded events of one kind."""
        return [event for event in self.events if event.kind == kind]

    def wait_for(self, kind: EventKind, number: int = 1) -> Event:
        """Wait for the n-th event of a kind and return it."""
        assert wait_until(lambda: len(self.of_kind(kind)) >= number, TIMEOUT_SECONDS), self.events
        return self.of_kind(kind)[number - 1]

    def wait_for_end(self) -> None:
        """Wait until the supervisor ends by itself."""
        self._thread.join(TIMEOUT_SECONDS)
        assert not self._thread.is_alive()


def test_starts_in_order_and_stops_in_reverse() -> None:
    """Programs start in order and stop in reverse order, and none is left."""
    with Running(program("a"), program("b"), program("c")) as running:
        running.wait_for(EventKind.STARTED, 3)
    names = [(event.kind.value, event.program) for event in running.events]
    assert names == [
        ("started", "a"),
        ("started", "b"),
        ("started", "c"),
        ("stopped", "c"),
        ("stopped", "b"),
        ("stopped", "a"),
    ]
    assert all(event.exit_code == -signal.SIGTERM for event in running.of_kind(EventKind.STOPPED))
    assert all(is_gone(event.process_id) for event in running.events)


def test_dead_program_is_started_again_after_the_delay() -> None:
    """A killed program is reported with its signal, and restarts after the first delay."""
    with Running(program("a"), program("b")) as running:
        first = running.wait_for(EventKind.STARTED, 2)
        os.kill(first.process_id, signal.SIGKILL)
        running.wait_for(EventKind.DIED)
        died_at = time.monotonic()
        again = running.wait_for(EventKind.RESTARTED)
        assert time.monotonic() - died_at > 0.8 * FIRST_DELAY_SECONDS
        assert running.of_kind(EventKind.DIED) == [
            Event("b", EventKind.DIED, first.process_id, -signal.SIGKILL)
        ]
        assert again.process_id != first.process_id
        assert not is_gone(again.process_id)
    assert is_gone(again.process_id)


def test_next_program_waits_until_the_one_before_is_ready(tmp_path: Path) -> None:
    """A program starts only after the previous one is ready."""
    ready = tmp_path / "ready"
    with Running(program("a", is_ready=ready.exists), program("b")) as running:
        running.wait_for(EventKind.STARTED)
        assert not wait_until(lambda: len(running.events) > 1, 0.3)
        ready.touch()
        assert running.wait_for(EventKind.STARTED, 2).program == "b"


def test_program_that_keeps_dying_ends_it_all(tmp_path: Path) -> None:
    """After five early deaths the supervisor stops; the error names the program and its log."""
    log = tmp_path / "bad.log"
    bad = shell("bad", "echo 'no such table: trades'; exit 3", log)
    with Running(program("good"), bad, monotonic=lambda: 10 * time.monotonic()) as running:
        running.wait_for_end()
    assert len(running.of_kind(EventKind.DIED)) == 5
    assert str(running.error).startswith("bad died 5 times")
    assert "exit code 3" in str(running.error)
    assert str(running.error).endswith("no such table: trades")
    assert str(log) in str(running.error)
    assert log.read_text().count("no such table") == 5
    assert running.events[-1].program == "good"
    assert running.events[-1].kind == EventKind.STOPPED


def test_command_that_does_not_exist_ends_it_all() -> None:
    """If a program cannot start, the error names it, and the earlier programs are stopped."""
    with Running(program("good"), program("typo", "/no/such/command")) as running:
        running.wait_for_end()
    assert str(running.error).startswith("typo cannot be started")
    assert is_gone(running.events[0].process_id)


def test_program_that_ignores_sigterm_is_killed_with_its_group(tmp_path: Path) -> None:
    """A program that ignores SIGTERM is killed after its timeout, together with its children."""
    file = tmp_path / "child"
    stubborn = shell(
        "stubborn",
        f"trap '' TERM; sleep 600 & echo $! > {file}.new; mv {file}.new {file}; wait",
        None,
        0.2,
    )
    with Running(stubborn) as running:
        assert wait_until(file.exists, TIMEOUT_SECONDS)
    assert running.of_kind(EventKind.STOPPED)[0].exit_code == -signal.SIGKILL
    assert wait_until(lambda: is_gone(int(file.read_text())), TIMEOUT_SECONDS)


def test_only_the_main_process_is_asked_to_stop(tmp_path: Path) -> None:
    """SIGTERM goes only to the main process, which can let its children finish."""
    child = "trap 'echo told >> child' TERM; echo up > up; while :; do sleep 0.05; done"
    main = f"cd {tmp_path}; (sh -c \"{child}\") & trap 'sleep 0.3; exit 0' TERM; wait"
    with Running(shell("main", main)) as running:
        assert wait_until((tmp_path / "up").exists, TIMEOUT_SECONDS)
    assert running.of_kind(EventKind.STOPPED)[0].exit_code == 0
    assert not (tmp_path / "child").exists()


def test_children_of_a_dead_program_are_killed(tmp_path: Path) -> None:
    """When a main process dies, its children are killed before it is restarted."""
    file = tmp_path / "child"
    with Running(
        shell("a", f"sleep 600 & echo $! > {file}.new; mv {file}.new {file}; wait")
    ) as running:
        first = running.wait_for(EventKind.STARTED)
        assert wait_until(file.exists, TIMEOUT_SECONDS)
        orphan = int(file.read_text())
        os.kill(first.process_id, signal.SIGKILL)
        running.wait_for(EventKind.DIED)
        assert wait_until(lambda: is_gone(orphan), TIMEOUT_SECONDS)


SUPERVISOR = """
import signal, sys, threading
from tradecapture.local.supervisor.supervisor import EventKind, Program, Supervisor

signal.signal(signal.SIGHUP, signal.SIG_DFL)  # the tests themselves may run under nohup

def report(event):
    print(event.kind, event.process_id, flush=True)
    if sys.argv[1] == "raise" and event.program == "b":
        raise RuntimeError("the terminal is gone")

programs = [Program(name, ["sleep", "600"], {"PATH": sys.argv[2]}) for name in "ab"]
Supervisor(programs, report).run_until(threading.Event())
print("clean end", flush=True)
"""


@pytest.mark.parametrize("ending", ["SIGTERM", "SIGINT", "SIGHUP", "raise"])
def test_no_child_outlives_the_supervisor(ending: str) -> None:
    """A supervising process that ends by a signal or an exception leaves no child running."""
    with subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, ending, os.environ["PATH"]],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        children = [int(process.stdout.readline().split()[1]) for _ in "ab"]
        if ending != "raise":
            process.send_signal(signal.Signals[ending])
        output, errors = process.communicate(timeout=TIMEOUT_SECONDS)
    assert all(is_gone(child) for child in children)
    assert ("clean end" in output) == (ending != "raise")
    assert ("the terminal is gone" in errors) == (ending == "raise")
    assert process.returncode == (1 if ending == "raise" else 0)


def test_signal_handlers_are_restored() -> None:
    """After a run in the main thread the process handles signals as it did before."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    stop = threading.Event()
    stop.set()
    Supervisor([program("a")], lambda _: None).run_until(stop)
    assert before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]


@pytest.mark.parametrize(
    ("code", "words"),
    [(0, "exit code 0"), (1, "exit code 1"), (-9, "SIGKILL"), (-99, "exit code -99")],
)
def test_exit_is_put_into_words(code: int, words: str) -> None:
    """An end by a known signal has the signal's name, any other end its exit code."""
    assert describe_exit(code) == words
