"""What the tests type and read: trades through `submit`, cells of a printed table."""

from collections.abc import Callable

from click.testing import Result

Run = Callable[..., Result]
Capture = Callable[[], None]

NOWHERE = "redis://127.0.0.1:1/0"  # port 1: nothing listens there


def table_row(output: str, first: str) -> list[str]:
    """Return the cells of the row that begins so."""
    rows = [[cell.strip() for cell in line.split("│")] for line in output.splitlines()]
    return next(row[1:-1] for row in rows if len(row) > 2 and row[1] == first)


def submit(run: Run, *bodies: bytes) -> None:
    """Submit trades; all must be accepted."""
    result = run("submit", "-", standard_input=b"\n".join(bodies))
    assert result.exit_code == 0, result.stderr
