"""The address of a partition: its key, and what is to be done to it."""

from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Request
from litestar.exceptions import MethodNotAllowedException, NotFoundException

from tradecapture.api.bodies import FieldProblem
from tradecapture.api.http.paths import PARTITIONS
from tradecapture.api.http.problem import ProblemError, field_problems, not_found, not_valid
from tradecapture.api.http.query import Query
from tradecapture.api.partitions.bodies import ActionRequestBody
from tradecapture.operations import reason_problems
from tradecapture.operations.action import ACTIONS, Action
from tradecapture.trades.document import decode
from tradecapture.trades.partition import PartitionKey, is_partition_key
from tradecapture.trades.problems import shape_problems

_FIELDS = [field.encode_name for field in msgspec.structs.fields(ActionRequestBody)]


def read_asked(body: bytes, query: Query, action: Action) -> ActionRequestBody:
    """Read who asks for an action, and why; a dry run may also be asked for in the query.

    Raises:
        ProblemError: 400, with every problem.
    """
    dry_run = query.boolean("dryRun")
    problems = [*query.problems, *_problems(asked := _decoded(body), action)]
    if problems:
        raise not_valid(problems)
    wanted = msgspec.convert(asked, ActionRequestBody)
    return msgspec.structs.replace(wanted, dry_run=wanted.dry_run or bool(dry_run))


def _decoded(body: bytes) -> Any:
    try:
        return decode(body)
    except msgspec.DecodeError as error:
        raise not_valid([FieldProblem("$", f"is not JSON: {error}")]) from error


def _problems(asked: Any, action: Action) -> list[FieldProblem]:
    found = field_problems(shape_problems(asked, ActionRequestBody))
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
    rules = [FieldProblem(f"$.{name}", what) for name, what in reason_problems(who, why, action)]
    return found + [problem for problem in rules if problem.path not in told]


def _text(asked: dict[str, Any], name: str) -> str:
    given = asked.get(name)
    return given if isinstance(given, str) else ""


def partition_key_of(request: Request[Any, Any, Any]) -> PartitionKey:
    """Return the key in the address of a partition.

    Raises:
        ProblemError: 404, it is no partition key.
        HTTPException: 404 or 405, it is the address of something else.
    """
    parts = _parts(request)
    if len(parts) == 2 and parts[1] in ACTIONS:
        raise MethodNotAllowedException(headers={"allow": "POST"})
    if len(parts) != 1:
        raise NotFoundException
    return _checked(parts[0])


def key_and_action_of(request: Request[Any, Any, Any]) -> tuple[PartitionKey, Action]:
    """Return the key in the address of an action, and the action.

    Raises:
        ProblemError: 404, it is no partition key.
        HTTPException: 404 or 405, it is the address of something else.
    """
    parts = _parts(request)
    if len(parts) == 1:
        raise MethodNotAllowedException(headers={"allow": "GET"})
    if len(parts) != 2 or parts[1] not in ACTIONS:
        raise NotFoundException
    return _checked(parts[0]), Action(parts[1])


def unknown(partition_key: str) -> ProblemError:
    """Return the problem of a partition of which nobody knows."""
    return not_found(
        f"no trade of partition {partition_key!r} was ever accepted. A key is "
        "account_book_security, percent-encoded, with ~1 for an underscore and ~0 for a tilde "
        "in an id"
    )


def _parts(request: Request[Any, Any, Any]) -> list[str]:
    # From the address as sent: an id may hold a slash (%2F), which is no end of the key.
    tail = request.scope["raw_path"].partition(PARTITIONS.encode() + b"/")[2]
    try:
        return [unquote_to_bytes(part).decode() for part in tail.split(b"/")]
    except UnicodeDecodeError as error:
        raise not_found("the partition key in the address is not UTF-8") from error


def _checked(text: str) -> PartitionKey:
    if not is_partition_key(text):
        raise unknown(text)
    return PartitionKey(text)
