"""The address of a partition: its key, and what is to be done to it."""

from typing import Any
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.exceptions import MethodNotAllowedException, NotFoundException

from tradecapture.api.paths import PARTITIONS
from tradecapture.api.problem import ProblemError, not_found
from tradecapture.ledger import Action
from tradecapture.partition import is_partition_key

# What an operator may do to one partition; a replay is of trades.
ACTIONS = (Action.PAUSE, Action.RESUME, Action.RETRY, Action.SKIP, Action.RELEASE)


def key_of(request: Request[Any, Any, Any]) -> str:
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


def key_and_action_of(request: Request[Any, Any, Any]) -> tuple[str, Action]:
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


def unknown(key: str) -> ProblemError:
    """Return the problem of a partition of which nobody knows."""
    return not_found(
        f"no trade of partition {key!r} was ever accepted. A key is account_book_security, "
        "percent-encoded, with ~1 for an underscore and ~0 for a tilde in an id"
    )


def _parts(request: Request[Any, Any, Any]) -> list[str]:
    # From the address as sent: an id may hold a slash (%2F), which is no end of the key.
    tail = request.scope["raw_path"].partition(PARTITIONS.encode() + b"/")[2]
    try:
        return [unquote_to_bytes(part).decode() for part in tail.split(b"/")]
    except UnicodeDecodeError as error:
        raise not_found("the partition key in the address is not UTF-8") from error


def _checked(key: str) -> str:
    if not is_partition_key(key):
        raise unknown(key)
    return key
