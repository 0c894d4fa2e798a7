"""The query parameters of a request: read and checked, every problem at once."""

from urllib.parse import parse_qsl

from litestar.types import Scope

from tradecapture.api.http.bodies import FieldProblem
from tradecapture.api.http.problem import not_valid

_BOOLEANS = {"true": True, "false": False}


class Query:
    """Reads query parameters; of a parameter that is given twice, the last value counts.

    A parameter that no method has read is a problem: a misspelt `dryRun` must not be ignored.
    """

    def __init__(self, scope: Scope) -> None:
        text = scope["query_string"].decode("latin-1")
        self._values = dict(parse_qsl(text, keep_blank_values=True))
        self._read_names: list[str] = []
        self._problems: list[FieldProblem] = []

    def number(self, name: str, default: int, minimum: int, maximum: int) -> int:
        """Read a whole number; return the default if it is not given or not valid."""
        text = self._read(name)
        if text is None:
            return default
        if text.isascii() and text.isdigit() and len(text) < 10 and minimum <= int(text) <= maximum:
            return int(text)
        self.refuse(name, f"give a whole number from {minimum} to {maximum}")
        return default

    def boolean(self, name: str) -> bool | None:
        """Read true or false; return None if it is not given or not valid."""
        text = self._read(name)
        if text is not None and text not in _BOOLEANS:
            self.refuse(name, "give true or false")
        return None if text is None else _BOOLEANS.get(text)

    def text(self, name: str, max_length: int) -> str:
        """Read printable text; return an empty text if it is not given or not valid."""
        text = self._read(name) or ""
        if text.isprintable() and len(text) <= max_length:
            return text
        self.refuse(name, f"give at most {max_length} printable characters")
        return ""

    def refuse(self, name: str, message: str) -> None:
        """Add a problem of a parameter."""
        self._problems.append(FieldProblem(name, message))

    @property
    def problems(self) -> list[FieldProblem]:
        """Everything wrong with the query. Complete once every parameter has been read."""
        names = ", ".join(self._read_names)
        unknown = [name for name in self._values if name not in self._read_names]
        return self._problems + [
            FieldProblem(name, f"is unknown: the parameters are {names}") for name in unknown
        ]

    def check(self) -> None:
        """Refuse the request if anything is wrong. Call it after every parameter has been read.

        Raises:
            ProblemError: 400, with every problem.
        """
        if problems := self.problems:
            raise not_valid(problems)

    def _read(self, name: str) -> str | None:
        self._read_names.append(name)
        return self._values.get(name)
