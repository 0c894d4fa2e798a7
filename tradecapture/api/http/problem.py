"""Problem documents (RFC 9457): the body of every error response."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ExceptionHandlersMap
from msgspec import UNSET, Struct, UnsetType
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.api.http.bodies import FieldProblem
from tradecapture.api.http.correlation import correlation_id_of
from tradecapture.inbox import LaneCountError
from tradecapture.ledger import LedgerUnavailableError
from tradecapture.trades.clock import Timestamp
from tradecapture.trades.receipt import RefusalCode

PROBLEM_JSON = "application/problem+json"
TYPE_PREFIX = "urn:tradecapture:problem:"
# A restarted server is usually back by then, and few clients give up sooner.
RETRY_AFTER_SECONDS = 2

log = structlog.get_logger(__name__)
_encoder = msgspec.json.Encoder()


class ErrorBody(Struct, frozen=True):
    """The error as clients of the previous service read it (the HTTP contract)."""

    code: str
    message: str
    details: Sequence[FieldProblem]
    timestamp: Timestamp
    path: str


class ProblemBody(Struct, frozen=True):
    """A problem document."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    error: ErrorBody
    problems: Sequence[FieldProblem] | UnsetType = UNSET


class ProblemError(Exception):
    """Ends a request with a problem document. May be raised anywhere below a handler."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        problems: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Describe the problem.

        Args:
            status: HTTP status.
            code: what clients tell problems apart by, such as VALIDATION_ERROR.
            detail: what happened and what to do, for people.
            problems: everything that is wrong with the request.
            headers: of the response.
        """
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.problems, self.headers = problems, dict(headers or {})

    def body(self, path: str) -> ProblemBody:
        """Return the problem document of a request to this path."""
        return ProblemBody(
            type=TYPE_PREFIX + self.code.lower().replace("_", "-"),
            title=HTTPStatus(self.status).phrase,
            status=self.status,
            detail=self.detail,
            instance=path,
            error=ErrorBody(self.code, self.detail, self.problems, datetime.now(UTC), path),
            problems=self.problems or UNSET,
        )


def unavailable(detail: str) -> ProblemError:
    """Return a 503 problem that says in how many seconds to send the request again."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return ProblemError(503, RefusalCode.UNAVAILABLE, detail, headers=headers)


def full(code: RefusalCode, detail: str, retry_after_seconds: int | None) -> ProblemError:
    """Return the problem of a full backlog: 429 for a partition's, 503 for a larger one."""
    status = 429 if code is RefusalCode.PARTITION_FULL else 503
    headers = {"Retry-After": str(retry_after_seconds or RETRY_AFTER_SECONDS)}
    return ProblemError(status, code, detail, headers=headers)


def not_valid(problems: Sequence[FieldProblem]) -> ProblemError:
    """Return a 400 problem with everything that is wrong with a request."""
    count = len(problems)
    detail = f"the request has {count} problem{'s' if count > 1 else ''}; nothing was done"
    return ProblemError(400, RefusalCode.INVALID, detail, problems=problems)


def not_found(detail: str) -> ProblemError:
    """Return a 404 problem."""
    return ProblemError(404, "NOT_FOUND", detail)


def _answer(request: Request[Any, Any, Any], problem: ProblemError) -> Response[bytes]:
    return Response(
        _encoder.encode(problem.body(request.scope["path"])),
        status_code=problem.status,
        media_type=PROBLEM_JSON,
        headers=problem.headers,
    )


def _answer_http_error(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = HTTPStatus(error.status_code)
    headers = error.headers or {}
    detail = error.detail
    if status is HTTPStatus.NOT_FOUND:
        detail = "there is nothing at this address; /schema lists the addresses"
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"this address accepts {headers.get('allow', 'another method')}"
    elif status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        limit = request.route_handler.resolve_request_max_body_size()
        detail = f"the body is larger than {limit} bytes; nothing of it was stored"
    return _answer(request, ProblemError(status.value, status.name, detail, headers=headers))


def _answer_redis_error(request: Request[Any, Any, Any], error: RedisError) -> Response[bytes]:
    log.warning("Redis failed", error=str(error), correlation_id=correlation_id_of(request.scope))
    return _answer(request, unavailable("Redis is not available; send the request again"))


def _answer_read_error(request: Request[Any, Any, Any], error: SQLAlchemyError) -> Response[bytes]:
    log.warning("ledger failed", error=str(error), correlation_id=correlation_id_of(request.scope))
    return _answer(
        request,
        unavailable("the ledger is not available; accepted trades are safe. Ask again"),
    )


def _answer_write_error(
    request: Request[Any, Any, Any], error: LedgerUnavailableError
) -> Response[bytes]:
    log.warning("ledger failed", error=str(error), correlation_id=correlation_id_of(request.scope))
    return _answer(request, unavailable("the ledger cannot be written; send the request again"))


def _answer_lane_count(request: Request[Any, Any, Any], error: LaneCountError) -> Response[bytes]:
    log.error("lane count differs", error=str(error))
    return _answer(request, unavailable(str(error)))


def _answer_bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    correlation_id = correlation_id_of(request.scope)
    log.error("request failed", exc_info=error, correlation_id=correlation_id)
    detail = (
        "the service failed; submitting a trade again is harmless. "
        f"The log has the details under correlation id {correlation_id}"
    )
    return _answer(request, ProblemError(500, "INTERNAL_ERROR", detail))


# Litestar uses the most specific class.
EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    ProblemError: _answer,
    HTTPException: _answer_http_error,
    RedisError: _answer_redis_error,
    SQLAlchemyError: _answer_read_error,
    LedgerUnavailableError: _answer_write_error,
    LaneCountError: _answer_lane_count,
    Exception: _answer_bug,
}
