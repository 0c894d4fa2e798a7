"""A program that the supervisor runs, and the child process that is one run of it."""

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
    log: Path | None = None  # its output is appended here; None: it goes to the supervisor's output
    stop_signal: signal.Signals = signal.SIGTERM
    stop_timeout_seconds: float = 10.0  # a program that takes longer to stop is killed
    is_ready: Callable[[], bool] = lambda: True  # the next program starts once this is true


class Child:
    """One run of a program, in a session of its own, so that Ctrl-C does not reach it."""

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
        """Ask the main process to end, kill the group after the timeout, return the exit code.

        Only the main process gets the signal. A Celery worker then finishes its current batch; if
        its pool processes got the signal too, it would lose the batch.
        """
        self._process.send_signal(self._program.stop_signal)
        try:
            self._process.wait(self._program.stop_timeout_seconds)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self.kill_group()
        return self._process.wait()

    def kill_group(self) -> None:
        """Kill what is left of the program, including the processes that it started."""
        # macOS answers "not permitted" for a group that has only a zombie left.
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


def describe_exit(code: int) -> str:
    """Return an exit code in words: "exit code 1" or "SIGKILL"."""
    if code < 0:
        with suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
