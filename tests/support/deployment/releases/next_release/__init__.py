"""A synthetic next release: this code with a newer schema, entry format and task signature.

`install` turns the process that calls it into a process of that release.
"""

import zlib
from functools import partial
from pathlib import Path
from typing import Any

from tradecapture.inbox import entry
from tradecapture.ledger import check_schema
from tradecapture.ledger.schema.phases import PHASES, MigrationPhases
from workers import process, sweep, tasks

NEXT_RELEASE = "0.4.0"
NEXT_FORMAT = 2
NEXT_SIGNATURE = 2  # version of the task messages, which have the new argument `desk`
NEXT_TASK = "tradecapture.next"

_HERE = Path(__file__).parent
NEXT_PHASES = MigrationPhases(
    PHASES.contract._replace(folders=(*PHASES.contract.folders, _HERE / "contractions")),
    PHASES.expand._replace(folders=(*PHASES.expand.folders, _HERE / "expansions")),
)


def read_next(text: bytes) -> Any:
    """Read the body of an entry in the next format, which is format 1, compressed."""
    return entry.READERS[1](zlib.decompress(text))


def write_next(body: object) -> bytes:
    """Write the body of an entry in the next format."""
    return zlib.compress(entry.WRITERS[1](body))


def install() -> None:
    """Turn this process into a process of the next release."""
    entry.READERS[NEXT_FORMAT] = read_next
    entry.WRITERS[NEXT_FORMAT] = write_next
    unsupported_part = tasks._unsupported_part
    changed: dict[Any, dict[str, object]] = {
        process: {"check_schema": partial(check_schema, phases=NEXT_PHASES)},
        sweep: {"VERSION": NEXT_RELEASE},
        tasks: {
            "MESSAGE_VERSION": NEXT_SIGNATURE,
            "_unsupported_part": lambda task, arguments: unsupported_part(
                task, {name: value for name, value in arguments.items() if name != "desk"}
            ),
        },
    }
    for module, values in changed.items():
        for name, value in values.items():
            assert hasattr(module, name), f"{module.__name__} has no {name} any more"
            setattr(module, name, value)
