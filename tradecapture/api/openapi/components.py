"""Building blocks for the OpenAPI documentation of an operation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from litestar.openapi.spec import (
    OpenAPIHeader,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    Reference,
    RequestBody,
    Responses,
    Schema,
)
from msgspec import Struct

from tradecapture.api.http.media_types import JSON
from tradecapture.api.http.problem import PROBLEM_JSON, ProblemBody

SCHEMAS = "#/components/schemas/"
TEXT = Schema(type=OpenAPIType.STRING)
INVALID_HEADER = "a header is not valid"
INVALID_PARAMETER = "a parameter or a header is not valid"
UNREACHABLE = "the ledger or Redis is not available; ask again"
_CORRELATION_ID = {
    "X-Correlation-ID": OpenAPIHeader(TEXT, description="the request's own, or a new one")
}
_TEMPORARY = ("_429", "_503")  # these responses say when to send the request again
_RETRY_AFTER = {"Retry-After": OpenAPIHeader(TEXT, description="seconds")}


def schema(body: type[Struct]) -> Reference:
    """Return a reference to the schema of a body; see `tradecapture.api.schemas`."""
    return Reference(ref=SCHEMAS + body.__name__)


def answer(
    description: str, body: type[Struct], headers: Mapping[str, OpenAPIHeader] | None = None
) -> OpenAPIResponse:
    """Describe a response with this body and, besides the correlation id, these headers."""
    media_type = PROBLEM_JSON if issubclass(body, ProblemBody) else JSON
    return OpenAPIResponse(
        description,
        headers={**_CORRELATION_ID, **(headers or {})},
        content={media_type: OpenAPIMediaType(schema(body))},
    )


def problems(body: type[ProblemBody] = ProblemBody, /, **descriptions: str) -> Responses:
    """Describe the responses that are problem documents.

    Args:
        body: the type of the problem documents.
        descriptions: the meaning of each status, which is named with an underscore: `_404`.
    """
    answers: Responses = {
        status[1:]: answer(text, body, _RETRY_AFTER if status in _TEMPORARY else None)
        for status, text in descriptions.items()
    }
    return {**answers, "default": answer("any other problem", body)}


def header(
    name: str, description: str, *, min_length: int = 0, max_length: int | None = None
) -> Parameter:
    """Describe an optional header of a request; lengths are in characters."""
    kind = Schema(type=OpenAPIType.STRING, min_length=min_length, max_length=max_length)
    return Parameter(name, "header", schema=kind, description=description)


def in_path(name: str, description: str) -> Parameter:
    """Describe a part of the path."""
    kind = Schema(type=OpenAPIType.STRING, min_length=1)
    return Parameter(name, "path", schema=kind, description=description, required=True)


def in_query(name: str, description: str, kind: Schema) -> Parameter:
    """Describe an optional query parameter."""
    return Parameter(name, "query", schema=kind, description=description)


def operation(
    summary: str,
    responses: Responses,
    parameters: Sequence[Parameter] = (),
    request_body: RequestBody | None = None,
    tag: str = "trades",
) -> type[Operation]:
    """Return the documentation of an operation, as Litestar's handlers take it: a class.

    Every operation takes a correlation id.
    """

    @dataclass
    class DocumentedOperation(Operation):
        def __post_init__(self) -> None:
            self.tags = [tag]
            self.summary = summary
            self.parameters = [*parameters, _CORRELATION_ID_OF_REQUEST]
            self.request_body = request_body
            self.responses = responses

    return DocumentedOperation


_CORRELATION_ID_OF_REQUEST = header(
    "X-Correlation-ID", "carried into the queue, the logs and the callback; echoed", max_length=128
)
