"""Describing: the parts of which the documentation of an operation is made."""

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

from tradecapture.api.http.media_types import JSON, PROBLEM_JSON

TEXT = Schema(type=OpenAPIType.STRING)
UNREACHABLE = "the ledger or Redis is out of reach; ask again"
_CORRELATION_ID = {
    "X-Correlation-ID": OpenAPIHeader(TEXT, description="the request's, or one made for it")
}
_PASSING = ("_429", "_503")  # what passes by itself says when to ask again
_RETRY_AFTER = {"Retry-After": OpenAPIHeader(TEXT, description="seconds")}


def schema(name: str) -> Reference:
    """Return the schema of a body, by the name of its type."""
    return Reference(ref=f"#/components/schemas/{name}")


def answer(
    description: str, body: str, headers: Mapping[str, OpenAPIHeader] | None = None
) -> OpenAPIResponse:
    """Return an answer with a body, by the name of its type, and headers of its own."""
    media_type = PROBLEM_JSON if body == "ProblemBody" else JSON
    return OpenAPIResponse(
        description,
        headers={**_CORRELATION_ID, **(headers or {})},
        content={media_type: OpenAPIMediaType(schema(body))},
    )


def problems(**described: str) -> Responses:
    """Return the answers that are problem documents; a name is a status with a letter before."""
    answers: Responses = {
        status[1:]: answer(text, "ProblemBody", _RETRY_AFTER if status in _PASSING else None)
        for status, text in described.items()
    }
    return {**answers, "default": answer("any other problem", "ProblemBody")}


def header(
    name: str, description: str, *, shortest: int = 0, longest: int | None = None
) -> Parameter:
    """Return a header that a request may have; lengths are in characters."""
    kind = Schema(type=OpenAPIType.STRING, min_length=shortest, max_length=longest)
    return Parameter(name, "header", schema=kind, description=description)


def in_path(name: str, description: str) -> Parameter:
    """Return a part of the address."""
    kind = Schema(type=OpenAPIType.STRING, min_length=1)
    return Parameter(name, "path", schema=kind, description=description, required=True)


def in_query(name: str, description: str, kind: Schema) -> Parameter:
    """Return a parameter behind the address, which may be left out."""
    return Parameter(name, "query", schema=kind, description=description)


def operation(
    summary: str,
    responses: Responses,
    parameters: Sequence[Parameter] = (),
    request_body: RequestBody | None = None,
    tag: str = "trades",
) -> type[Operation]:
    """Return what OpenAPI says of an operation; every one takes a correlation id."""

    @dataclass
    class Described(Operation):
        def __post_init__(self) -> None:
            self.tags = [tag]
            self.summary = summary
            self.parameters = [*parameters, _CORRELATION_ID_OF_REQUEST]
            self.request_body = request_body
            self.responses = responses

    return Described


_CORRELATION_ID_OF_REQUEST = header(
    "X-Correlation-ID", "carried into the queue, the logs and the callback; echoed", longest=128
)
