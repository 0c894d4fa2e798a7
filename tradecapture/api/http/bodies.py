"""Parts of bodies that several resources share."""

from collections.abc import Iterable, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from tradecapture.trades.problems import Problem

LanesOutOfReach = Annotated[
    Sequence[int],
    Meta(
        description="lanes that could not be read, because their Redis Cluster node is unreachable "
        "or they are moving to another node; this answer has nothing from them. Empty: the answer "
        "is complete"
    ),
]


class FieldProblem(Struct, frozen=True):
    """One thing wrong with a request: a JSON path, a header or a parameter, and what to do."""

    path: str
    message: str


def field_problems(problems: Iterable[Problem]) -> list[FieldProblem]:
    """Return the problems of a document as a response has them."""
    return [FieldProblem(path, message) for path, message in problems]
