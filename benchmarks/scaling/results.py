"""The results of a run, as a file: measuring takes long, and its page can be made again from it."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.scaling.cell import Cell, Measured, Series
from benchmarks.scaling.costs import Costs, Footprint, Line
from benchmarks.scaling.model import Machine


class Results(NamedTuple):
    """Everything that was measured in a run."""

    machine: Machine
    delays: dict[int, float]  # measured, in seconds, by the milliseconds that were set
    costs: dict[str, Costs]  # by way
    footprint: Footprint
    measured: list[Measured]
    window_seconds: float
    run_seconds: float

    def rate(self, series: Series, delay_ms: int, processes: int) -> float | None:
        """Return the rate of a cell, None if it was not measured."""
        return self.rates().get(Cell(series, delay_ms, processes))

    def rates(self) -> dict[Cell, float]:
        """Return all rates."""
        return {measured.cell: measured.rate for measured in self.measured}

    def write(self, path: Path) -> None:
        """Write the results to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_plain(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read the results of a file."""
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            machine=Machine(**found["machine"]),
            delays={int(ms): seconds for ms, seconds in found["delays"].items()},
            costs={
                way: Costs(**{name: Line(**line) for name, line in costs.items()})
                for way, costs in found["costs"].items()
            },
            footprint=Footprint(**found["footprint"]),
            measured=[Measured(**{**row, "cell": _cell(row["cell"])}) for row in found["measured"]],
            window_seconds=found["window_seconds"],
            run_seconds=found["run_seconds"],
        )


def _cell(found: dict[str, Any]) -> Cell:
    return Cell(**{**found, "series": Series(**found["series"])})


def _plain(value: Any) -> Any:
    """Return named tuples as mappings, all the way down."""
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value
