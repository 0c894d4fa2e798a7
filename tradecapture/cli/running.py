"""What runs: the record that `up` keeps in its data folder for the commands of other terminals."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec
from msgspec import Struct


class Running(Struct, frozen=True, rename="camel"):
    """What an `up` runs, and where."""

    process_id: int  # of `up` itself
    redis_url: str
    database_url: str
    api_url: str
    flower_url: str | None
    process_ids: Mapping[str, int]  # program -> process

    @classmethod
    def read(cls, file: Path) -> "Running | None":
        """Return the record in a file; None: there is none that can be read."""
        try:
            return msgspec.json.decode(file.read_bytes(), type=cls)
        except (OSError, msgspec.DecodeError):
            return None

    def write(self, file: Path) -> None:
        """Replace the record in a file, for this user only: a URL may carry a password."""
        new = file.with_suffix(".new")
        new.unlink(missing_ok=True)
        new.touch(mode=0o600)
        new.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))
        new.replace(file)

    def left(self) -> set[int]:
        """Return which of the processes are there, after `up` itself was killed."""
        return {process for process in self.process_ids.values() if _is_there(process)}


def _is_there(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except OSError:
        return False
    return True
