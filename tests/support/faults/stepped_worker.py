"""Controls a worker of a scenario with signals: pause, resume, and wait until it stalls."""

import os
import signal
from pathlib import Path
from typing import Self

import psutil

from tests.support.deployment.completion import wait_for
from tradecapture.local.servers.worker import LocalWorker

ANSWERED = b"lane captured"  # a worker logs this after each bell


class SteppedWorker:
    """A worker that is paused except during its own steps, and may stall at a failpoint."""

    def __init__(self, worker: LocalWorker, flag: Path) -> None:
        """Control a worker that was started.

        Args:
            worker: to control.
            flag: the file that it creates when it stalls.
        """
        self._worker, self._flag, self._answered = worker, flag, 0

    def go(self) -> Self:
        """Resume it, also if it has stalled."""
        self._answered = self.log.count(ANSWERED)
        os.killpg(self._worker.process.pid, signal.SIGCONT)
        return self

    def until_ready(self) -> None:
        """Wait until it has started."""
        self._worker.wait_ready()

    def rest(self) -> None:
        """Pause it with SIGSTOP."""
        os.killpg(self._worker.process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """Kill all its processes, as the loss of a machine would."""
        self._worker.kill()

    def until_stalled(self) -> None:
        """Wait until it has stopped at its failpoint."""
        wait_for("it stalls", lambda: self._flag.exists() and self._is_stopped())

    def until_answered(self) -> None:
        """Wait until it has handled a bell since `go`."""
        wait_for("it answers", lambda: self.log.count(ANSWERED) > self._answered)

    def may_stall_again(self) -> None:
        """Let it stop at its failpoint a second time."""
        self._flag.unlink()

    @property
    def log(self) -> bytes:
        """The content of its log."""
        return self._worker.log.read_bytes()

    def _is_stopped(self) -> bool:
        main = psutil.Process(self._worker.process.pid)
        pool = main.children(recursive=True)
        return all(each.status() == psutil.STATUS_STOPPED for each in (main, *pool))
