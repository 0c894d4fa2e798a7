"""The results of a run, as a file from which the page can be written again without measuring."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.scaling.cell import Cell, CellResult, Series
from benchmarks.scaling.costs import Costs, Footprint, LinearCost
from benchmarks.scaling.model import Machine


class Results(NamedTuple):
    """Everything that a run measured."""

    machine: Machine
    delays: dict[int, float]  # delay that was set, in milliseconds -> measured, in seconds
    costs: dict[str, Costs]  # by variant
    footprint: Footprint
    cells: list[CellResult]
    window_seconds: float
    run_seconds: float

    def rate(self, series: Series, delay_ms: int, processes: int) -> float | None:
        """Return the rate of a cell; None if it was not measured."""
        return self.rates().get(Cell(series, delay_ms, processes))

    def rates(self) -> dict[Cell, float]:
        """Return the rates of all measured cells, in trades a second."""
        return {result.cell: result.rate for result in self.cells}

    def write(self, path: Path) -> None:
        """Write the results to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(_plain(self), indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "Results":
        """Read the results from a file."""
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            machine=Machine(**content["machine"]),
            delays={int(ms): seconds for ms, seconds in content["delays"].items()},
            costs={
                variant: Costs(**{name: LinearCost(**cost) for name, cost in costs.items()})
                for variant, costs in content["costs"].items()
            },
            footprint=Footprint(**content["footprint"]),
            cells=[CellResult(**{**row, "cell": _cell(row["cell"])}) for row in content["cells"]],
            window_seconds=content["window_seconds"],
            run_seconds=content["run_seconds"],
        )


def _cell(content: dict[str, Any]) -> Cell:
    return Cell(**{**content, "series": Series(**content["series"])})


def _plain(value: Any) -> Any:
    """Return named tuples as mappings, at every level."""
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, list) else value
