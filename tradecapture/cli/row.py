"""A row: one trade of a file, or why there is none."""

from typing import NamedTuple


class Row(NamedTuple):
    """One trade of a file, not validated yet."""

    number: int  # the line at which it begins; in a JSON array its place, from 1
    end: int  # bytes of the file up to its end
    trade: bytes | None  # its JSON; None: see the problem
    problem: str = ""
