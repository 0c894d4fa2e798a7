"""An actor: a worker that rests until it is its turn, and may stall at a place."""

import os
import signal
from pathlib import Path
from typing import Self

import psutil

from tests.support.deployment.completion import wait_for
from tradecapture.local.servers.worker import LocalWorker

ANSWERED = b"lane captured"  # in a worker's log, after each bell


class Actor:
    """A worker that rests until it is its turn."""

    def __init__(self, worker: LocalWorker, flag: Path) -> None:
        """Take a worker that was started, and the file that it makes when it stalls."""
        self._worker, self._flag, self._answered = worker, flag, 0

    def go(self) -> Self:
        """Let it act; a worker that has stalled wakes up."""
        self._answered = self.log.count(ANSWERED)
        os.killpg(self._worker.process.pid, signal.SIGCONT)
        return self

    def until_ready(self) -> None:
        """Wait until it has started."""
        self._worker.wait_ready()

    def rest(self) -> None:
        """Let it stand still."""
        os.killpg(self._worker.process.pid, signal.SIGSTOP)

    def kill(self) -> None:
        """Kill it, as the loss of a machine would."""
        self._worker.kill()

    def until_stalled(self) -> None:
        """Wait until it has stopped at its place."""
        wait_for("it stalls", lambda: self._flag.exists() and self._is_stopped())

    def until_answered(self) -> None:
        """Wait until it has answered a bell since it was let go."""
        wait_for("it answers", lambda: self.log.count(ANSWERED) > self._answered)

    def may_stall_again(self) -> None:
        """Let it stop at its place a second time."""
        self._flag.unlink()

    @property
    def log(self) -> bytes:
        """What it has written."""
        return self._worker.log.read_bytes()

    def _is_stopped(self) -> bool:
        main = psutil.Process(self._worker.process.pid)
        pool = main.children(recursive=True)
        return all(each.status() == psutil.STATUS_STOPPED for each in (main, *pool))
