"""Requests for partitions: the key and the action in the address, and the body of an action."""

from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Request
from litestar.exceptions import MethodNotAllowedException, NotFoundException

from tradecapture.api.http.bodies import FieldProblem, field_problems
from tradecapture.api.http.paths import PARTITIONS
from tradecapture.api.http.problem import ProblemError, not_found, not_valid
from tradecapture.api.http.query import Query
from tradecapture.api.partitions.bodies import ActionRequestBody
from tradecapture.operations import PARTITION_ACTIONS, Action, reason_problems
from tradecapture.trades.document import decode
from tradecapture.trades.partition import PartitionKey, is_partition_key
from tradecapture.trades.problems import type_problems

_FIELDS = [field.encode_name for field in msgspec.structs.fields(ActionRequestBody)]


def read_action_body(body: bytes, query: Query, action: Action) -> ActionRequestBody:
    """Read the body of an action; the query, too, may ask for a dry run.

    Raises:
        ProblemError: 400, with every problem.
    """
    dry_run = query.boolean("dryRun")
    value = _decoded(body)
    if problems := [*query.problems, *_problems(value, action)]:
        raise not_valid(problems)
    action_body = msgspec.convert(value, ActionRequestBody)
    return msgspec.structs.replace(action_body, dry_run=action_body.dry_run or bool(dry_run))


def partition_key_of(request: Request[Any, Any, Any]) -> PartitionKey:
    """Return the key in the address of a partition.

    Raises:
        ProblemError: 404, it is no partition key.
        HTTPException: 404 or 405, it is the address of something else.
    """
    parts = _parts(request)
    if len(parts) == 2 and parts[1] in PARTITION_ACTIONS:
        raise MethodNotAllowedException(headers={"allow": "POST"})
    if len(parts) != 1:
        raise NotFoundException
    return _checked(parts[0])


def key_and_action_of(request: Request[Any, Any, Any]) -> tuple[PartitionKey, Action]:
    """Return the key and the action in the address of an action.

    Raises:
        ProblemError: 404, it is no partition key.
        HTTPException: 404 or 405, it is the address of something else.
    """
    parts = _parts(request)
    if len(parts) == 1:
        raise MethodNotAllowedException(headers={"allow": "GET"})
    if len(parts) != 2 or parts[1] not in PARTITION_ACTIONS:
        raise NotFoundException
    return _checked(parts[0]), Action(parts[1])


def unknown(partition_key: str) -> ProblemError:
    """Return the problem of a partition that has never accepted a trade."""
    return not_found(
        f"no trade of partition {partition_key!r} was ever accepted. A key is "
        "account_book_security, percent-encoded, with ~1 for an underscore and ~0 for a tilde "
        "in an id"
    )


def _decoded(body: bytes) -> Any:
    try:
        return decode(body)
    except msgspec.DecodeError as error:
        raise not_valid([FieldProblem("$", f"is not JSON: {error}")]) from error


def _problems(value: Any, action: Action) -> list[FieldProblem]:
    problems = field_problems(type_problems(value, ActionRequestBody))
    if not isinstance(value, dict):
        return problems
    # A misspelt `dryRun` must not be ignored: the action would be performed.
    problems += [
        FieldProblem(f"$.{ascii(name)[1:-1]}", f"is not known: give {', '.join(_FIELDS)}")
        for name in value
        if name not in _FIELDS
    ]
    paths = {problem.path for problem in problems}
    who, why = (_text(value, name) for name in ("by", "why"))
    reasons = [FieldProblem(f"$.{name}", what) for name, what in reason_problems(who, why, action)]
    return problems + [problem for problem in reasons if problem.path not in paths]


def _text(value: dict[str, Any], name: str) -> str:
    text = value.get(name)
    return text if isinstance(text, str) else ""


def _parts(request: Request[Any, Any, Any]) -> list[str]:
    # The raw path keeps the encoded slashes (%2F) of a key apart from the slashes of the address.
    tail = request.scope["raw_path"].partition(PARTITIONS.encode() + b"/")[2]
    try:
        return [unquote_to_bytes(part).decode() for part in tail.split(b"/")]
    except UnicodeDecodeError as error:
        raise not_found("the partition key in the address is not UTF-8") from error


def _checked(text: str) -> PartitionKey:
    if not is_partition_key(text):
        raise unknown(text)
    return PartitionKey(text)
