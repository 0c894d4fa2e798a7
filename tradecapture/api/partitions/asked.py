"""What an operator asks for: the body of an action, read and checked, every problem at once."""

from typing import Any

import msgspec

from tradecapture.api.bodies import FieldProblem
from tradecapture.api.partitions.bodies import AskedBody
from tradecapture.api.problem import field_problems, not_valid
from tradecapture.api.query import Query
from tradecapture.document import decode
from tradecapture.ledger import Action
from tradecapture.operations import problems_of
from tradecapture.shape import shape_problems

_FIELDS = [field.encode_name for field in msgspec.structs.fields(AskedBody)]


def read_asked(body: bytes, query: Query, action: Action) -> AskedBody:
    """Read who asks for an action, and why; a dry run may also be asked for in the query.

    Raises:
        ProblemError: 400, with every problem.
    """
    dry_run = query.truth("dryRun")
    problems = [*query.problems, *_problems(asked := _decoded(body), action)]
    if problems:
        raise not_valid(problems)
    wanted = msgspec.convert(asked, AskedBody)
    return msgspec.structs.replace(wanted, dry_run=wanted.dry_run or bool(dry_run))


def _decoded(body: bytes) -> Any:
    try:
        return decode(body)
    except msgspec.DecodeError as error:
        raise not_valid([FieldProblem("$", f"is not JSON: {error}")]) from error


def _problems(asked: Any, action: Action) -> list[FieldProblem]:
    found = field_problems(shape_problems(asked, AskedBody))
    if not isinstance(asked, dict):
        return found
    # A dry run that is misspelt must not be done in earnest.
    found += [
        FieldProblem(f"$.{ascii(name)[1:-1]}", f"is not known: give {', '.join(_FIELDS)}")
        for name in asked
        if name not in _FIELDS
    ]
    told = {problem.path for problem in found}
    who, why = (_text(asked, name) for name in ("by", "why"))
    rules = [FieldProblem(f"$.{name}", what) for name, what in problems_of(who, why, action)]
    return found + [problem for problem in rules if problem.path not in told]


def _text(asked: dict[str, Any], name: str) -> str:
    given = asked.get(name)
    return given if isinstance(given, str) else ""
