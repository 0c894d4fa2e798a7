"""The correlation id: taken from the request or made, and echoed in every answer."""

from typing import Any
from uuid import uuid4

from litestar.types import Message, Scope

from tradecapture.trades.submission import CORRELATION_ID_LENGTH

HEADER = b"x-correlation-id"
_STATE_KEY = "correlation_id"


def correlation_id_of(scope: Scope) -> str:
    """Return the correlation id of a request: its own if it is sound, or one made for it."""
    state: dict[str, Any] = scope["state"]
    known: str | None = state.get(_STATE_KEY)
    if known is None:
        given = _given(scope)
        known = given if given and is_valid(given) else uuid4().hex
        state[_STATE_KEY] = known
    return known


def has_invalid_id(scope: Scope) -> bool:
    """Return whether a request names a correlation id that cannot be carried along."""
    given = _given(scope)
    return bool(given) and not is_valid(given)


def is_valid(text: str) -> bool:
    """Return whether a text can be carried through queue, logs, ledger and callback."""
    return len(text) <= CORRELATION_ID_LENGTH and text.isascii() and text.isprintable()


async def echo_correlation_id(message: Message, scope: Scope) -> None:
    """Put the correlation id into the headers of an answer that is about to be sent."""
    if message["type"] == "http.response.start":
        message["headers"] = [*message["headers"], (HEADER, correlation_id_of(scope).encode())]


def _given(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == HEADER:
            return value.decode("latin-1").strip()
    return ""
