"""The correlation id: a request's own or a new one, echoed in every response."""

from typing import Any
from uuid import uuid4

from litestar.types import Message, Scope

from tradecapture.trades.submission import CORRELATION_ID_LENGTH

HEADER = b"x-correlation-id"
_STATE_KEY = "correlation_id"


def correlation_id_of(scope: Scope) -> str:
    """Return the correlation id of a request: its own if that is valid, otherwise a new one.

    Every call for the same request returns the same id.
    """
    state: dict[str, Any] = scope["state"]
    correlation_id: str | None = state.get(_STATE_KEY)
    if correlation_id is None:
        header = _header(scope)
        correlation_id = header if header and is_valid(header) else uuid4().hex
        state[_STATE_KEY] = correlation_id
    return correlation_id


def has_invalid_id(scope: Scope) -> bool:
    """Return whether a request has a correlation id that is not valid."""
    header = _header(scope)
    return bool(header) and not is_valid(header)


def is_valid(text: str) -> bool:
    """Return whether queue, logs, ledger and callback can all carry a correlation id."""
    return len(text) <= CORRELATION_ID_LENGTH and text.isascii() and text.isprintable()


async def echo_correlation_id(message: Message, scope: Scope) -> None:
    """Add the correlation id to the headers of a response that is about to be sent."""
    if message["type"] == "http.response.start":
        message["headers"] = [*message["headers"], (HEADER, correlation_id_of(scope).encode())]


def _header(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == HEADER:
            return value.decode("latin-1").strip()
    return ""
