"""The base of a local server: a process that keeps its data in a folder."""

import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

LOG_TAIL_LINES = 15  # enough for the end of a Python traceback
LOG_LINE_BYTES = 400  # of a long line, on average; bounds what is read of a huge log

READY_POLL_SECONDS = 0.01  # between two checks; a server that is ready is noticed within it
READY_TIMEOUT_SECONDS = 60.0  # reading some gigabytes of data after a crash takes that long
STOP_TIMEOUT_SECONDS = 10.0  # the last writes to disk end well within it


def log_tail(log: Path) -> str:
    """Return the last lines of a log, or a note in parentheses if there are none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LOG_TAIL_LINES * LOG_LINE_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as error:
        return f"(no log: {error})"
    return "\n".join(lines[-LOG_TAIL_LINES:]) or f"({log} is empty)"


def wait_until(condition: Callable[[], bool], timeout_seconds: float) -> bool:
    """Wait until a condition holds; return False if it did not within the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(READY_POLL_SECONDS)
    return True


class LocalServerError(RuntimeError):
    """A local server is missing or did not start; the message says what to do."""


class LocalServer(ABC):
    """A server in a process of its own, as a context manager. Its data stays in its folder."""

    name: str
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self, log: Path) -> None:
        """Prepare a server that appends its output to a log."""
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> None:
        """Start the server and wait until it answers and has loaded its data.

        Raises:
            LocalServerError: the program is missing, or did not answer; the message has the end
                of its log.
        """

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The main process that was started last."""
        if self._process is None:
            raise LocalServerError("the server has no process yet: start it first")
        return self._process

    def stop(self) -> None:
        """Let the server finish its last writes and end; harmless if it is not running."""
        if self._process is None:
            return
        self._process.send_signal(self.stop_signal)
        try:
            self._process.wait(STOP_TIMEOUT_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would; harmless if it is not running."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> None:
        """Stop the server and start it again, with the same URL and the data on its disk.

        Raises:
            LocalServerError: as `start`.
        """
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        """Start the server."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server."""
        self.stop()

    def _run(self, command: list[str], **options: Any) -> None:
        """Start the process; the options are those of `subprocess.Popen`."""
        with self.log.open("ab") as log:
            # In a session of its own, so that Ctrl-C reaches only the process that started it,
            # which then stops it.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **options,
            )

    def _becomes_ready(self) -> bool:
        """Wait until the server is ready; kill it and return False if it ends or takes too long."""
        process, ready = self.process, False
        try:
            wait_until(
                lambda: process.poll() is not None or self._is_ready(), READY_TIMEOUT_SECONDS
            )
            ready = process.poll() is None and self._is_ready()
        finally:
            if not ready:
                self.kill()
        return ready

    @abstractmethod
    def _is_ready(self) -> bool:
        """Return whether the process answers and has loaded its data."""

    def _failure(self) -> LocalServerError:
        return LocalServerError(
            f"{self.name} did not start; nothing of its data was removed. "
            f"Its log {self.log} ends with:\n{log_tail(self.log)}"
        )
