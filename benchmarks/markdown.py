"""Markdown tables, for the reports that benchmarks write into docs/."""

from collections.abc import Iterable, Sequence


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table.

    Args:
        columns: headings; a column whose heading ends with `#` is aligned right, without the `#`.
        rows: one cell a column; whole numbers get commas between thousands.
    """
    lines = [_line(name.removesuffix("#").strip() for name in columns)]
    lines.append(_line("---:" if name.endswith("#") else "---" for name in columns))
    for row in rows:
        lines.append(_line(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
