"""A program: what the supervisor runs as a child process, and the running child itself."""

import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Program:
    """A command to keep running."""

    name: str  # unique; shown in events and errors
    command: Sequence[str]
    environment: Mapping[str, str]  # the whole environment of the program
    log: Path | None = None  # output is appended to it; None: the output of the supervisor
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 10.0  # how long it may take to stop before it is killed
    ready: Callable[[], bool] = lambda: True  # the programs after it wait for this once


class Child:
    """One run of a program. It leads a session of its own, so that Ctrl-C does not reach it."""

    def __init__(self, program: Program) -> None:
        """Start the program.

        Raises:
            OSError: the command or its log file cannot be opened.
        """
        self._program = program
        with ExitStack() as files:
            log = files.enter_context(program.log.open("ab")) if program.log else None
            self._process = subprocess.Popen(
                program.command,
                env=program.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def process_id(self) -> int:
        """The id of the main process, and of its process group."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """Return None while the main process runs; then its exit code, or minus the signal."""
        return self._process.poll()

    def stop(self) -> int:
        """Ask the main process to end, give it its time, then kill the group; return its exit code.

        Only the main process gets the signal: a Celery worker finishes the batch in hand when its
        main process is told, and loses it when its pool processes are told too.
        """
        self._process.send_signal(self._program.stop_signal)
        try:
            self._process.wait(self._program.stop_seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill_group()
        return self._process.wait()

    def kill_group(self) -> None:
        """Kill what is left of the program, the processes that it started itself too."""
        # macOS answers "not permitted" for a group of which only a zombie is left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """Return an exit code in words: "exit code 1" or "SIGKILL"."""
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
