"""The query of a request: read and checked, every problem at once."""

from collections.abc import Iterable
from urllib.parse import parse_qsl

from litestar.types import Scope

from tradecapture.api.bodies import FieldProblem
from tradecapture.api.http.problem import ProblemError, not_valid


def require_media_type(raw: Iterable[tuple[bytes, bytes]], *accepted: str) -> str:
    """Return the media type of a request's body, without its parameters.

    Raises:
        ProblemError: 415, it is none of those that are accepted.
    """
    given = dict(raw).get(b"content-type", b"").decode("latin-1")
    media_type = given.partition(";")[0].strip().lower()
    if media_type not in accepted:
        raise ProblemError(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            f"Content-Type is {media_type or 'missing'}: send {' or '.join(accepted)}",
        )
    return media_type


_TRUTHS = {"true": True, "false": False}


class Query:
    """The parameters behind an address; of one that is given twice the last counts.

    Each that is read is known; one that is not known is a problem, so that a misspelt filter or
    dry run is not taken for none.
    """

    def __init__(self, scope: Scope) -> None:
        text = scope["query_string"].decode("latin-1")
        self._given = dict(parse_qsl(text, keep_blank_values=True))
        self._known: list[str] = []
        self._found: list[FieldProblem] = []

    def number(self, name: str, default: int, least: int, most: int) -> int:
        """Read a whole number."""
        text = self._read(name)
        if text is None:
            return default
        if text.isascii() and text.isdigit() and len(text) < 10 and least <= int(text) <= most:
            return int(text)
        self.refuse(name, f"give a whole number from {least} to {most}")
        return default

    def boolean(self, name: str) -> bool | None:
        """Read true or false; None: it is not given."""
        text = self._read(name)
        if text is not None and text not in _TRUTHS:
            self.refuse(name, "give true or false")
        return None if text is None else _TRUTHS.get(text)

    def text(self, name: str, longest: int) -> str:
        """Read a printable text of so many characters; empty: it is not given."""
        text = self._read(name) or ""
        if text.isprintable() and len(text) <= longest:
            return text
        self.refuse(name, f"give at most {longest} printable characters")
        return ""

    def refuse(self, name: str, message: str) -> None:
        """Note what is wrong with a parameter."""
        self._found.append(FieldProblem(name, message))

    @property
    def problems(self) -> list[FieldProblem]:
        """What is wrong, once every parameter is read."""
        known = ", ".join(self._known)
        strange = [name for name in self._given if name not in self._known]
        return self._found + [FieldProblem(name, f"is not known: give {known}") for name in strange]

    def check(self) -> None:
        """Refuse the request if something is wrong, once every parameter is read.

        Raises:
            ProblemError: 400, with every problem.
        """
        if found := self.problems:
            raise not_valid(found)

    def _read(self, name: str) -> str | None:
        self._known.append(name)
        return self._given.get(name)
