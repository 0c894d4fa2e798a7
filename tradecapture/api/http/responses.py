"""JSON responses, encoded from typed bodies."""

import msgspec
from litestar.response.base import ASGIResponse
from msgspec import Struct

_encode = msgspec.json.Encoder().encode


def json_response(
    body: Struct, status_code: int = 200, headers: dict[str, str] | None = None
) -> ASGIResponse:
    """Return the response with a body as JSON."""
    return ASGIResponse(body=_encode(body), status_code=status_code, headers=headers)
