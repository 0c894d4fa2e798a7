"""Writes and reads NDJSON files of the trades sent, the answers and the faults of a test."""

import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import msgspec

from tests.support.history.event import Answered, Event, Fault, Invoked, Said

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Event)


class HistoryLog:
    """Appends the events of one process or thread to a file, without a buffer."""

    def __init__(self, file: Path, process: str, clock: Callable[[], float]) -> None:
        self._file = file.open("ab", buffering=0)
        self._process, self._clock = process, clock

    def invoked(self, trade_id: str, partition: str, digest: str) -> None:
        """Record that a trade is about to be sent."""
        self._write(Invoked(self._clock(), self._process, trade_id, partition, digest))

    def answered(
        self, trade_id: str, said: Said, position: int | None = None, detail: str = ""
    ) -> None:
        """Record an answer, just after it came."""
        self._write(Answered(self._clock(), self._process, trade_id, said, position, detail))

    def fault(self, name: str, target: str) -> None:
        """Record a fault or its end, just after it was injected or ended."""
        self._write(Fault(self._clock(), self._process, name, target))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, event: Event) -> None:
        self._file.write(_encoder.encode(event) + b"\n")


class History:
    """A folder with one log for each process or thread."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Use a folder, and create it if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._clock = folder, clock
        self._numbers = count(1)

    def log(self, process: str) -> HistoryLog:
        """Open a new log for a process or thread of this name."""
        name = f"{process}-{next(self._numbers)}"
        return HistoryLog(self._folder / f"{name}.ndjson", name, self._clock)

    def events(self) -> list[Event]:
        """Return the events of all logs, oldest first."""
        events = [
            _decoder.decode(line)
            for file in sorted(self._folder.glob("*.ndjson"))
            for line in file.read_bytes().splitlines()
        ]
        return sorted(events, key=lambda event: event.at)

    def accepted(self) -> list[str]:
        """Return the ids of the trades that were answered as accepted, each once."""
        return list(
            dict.fromkeys(
                event.trade_id
                for event in self.events()
                if isinstance(event, Answered) and event.said is Said.ACCEPTED
            )
        )
