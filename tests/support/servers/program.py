"""Runs a Python module as a server that is ready when its log contains a text."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import ROOT
from tradecapture.local.servers.server import LocalServer


class Program(LocalServer):
    """A running Python module with its log."""

    def __init__(
        self, log: Path, environment: Mapping[str, str], words: Sequence[str], ready: str
    ) -> None:
        """Prepare to run `python -m WORDS...`.

        Args:
            log: file for its output.
            environment: its variables.
            words: the module and its arguments.
            ready: a text in the log that shows that the program is ready.
        """
        super().__init__(log)
        self.name = words[0]
        self._environment, self._words, self._ready = environment, words, ready

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            LocalServerError: the program was not ready in time.
        """
        self._run([sys.executable, "-m", *self._words], env=self._environment, cwd=ROOT)
        if not self._becomes_ready():
            raise self._failure()

    def _is_ready(self) -> bool:
        return self._ready in self.log.read_text(errors="replace")
