"""A program of a test: any module of Python, ready once its log says so."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support import ROOT
from tradecapture.local.servers.server import LocalServer


class Program(LocalServer):
    """One program with its log."""

    def __init__(
        self, log: Path, environment: Mapping[str, str], words: Sequence[str], ready: str
    ) -> None:
        """Prepare to run `python -m WORDS...`; ready: a text that its log then holds."""
        super().__init__(log)
        self.name = words[0]
        self._environment, self._words, self._ready = environment, words, ready

    def start(self) -> None:
        """Start it and wait until it is ready.

        Raises:
            LocalServerError: it did not.
        """
        self._run([sys.executable, "-m", *self._words], env=self._environment, cwd=ROOT)
        if not self._becomes_ready():
            raise self._failure()

    def _is_ready(self) -> bool:
        return self._ready in self.log.read_text(errors="replace")
