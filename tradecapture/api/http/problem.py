"""Problem documents: every error is one (RFC 9457), and carries what existing clients read."""

from collections.abc import Iterable, Mapping, Sequence
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

from tradecapture.api.bodies import BatchResult, FieldProblem
from tradecapture.api.http.correlation import correlation_id_of
from tradecapture.api.http.media_types import PROBLEM_JSON
from tradecapture.inbox import LaneCountError
from tradecapture.ledger import LedgerUnavailableError
from tradecapture.trades.clock import Timestamp
from tradecapture.trades.problems import Problem
from tradecapture.trades.receipt import RefusalCode

TYPE_PREFIX = "urn:tradecapture:problem:"
# A restarted server is back by then, and a client that sends at 10/s has not lost its patience.
RETRY_AFTER_SECONDS = 2

log = structlog.get_logger(__name__)
_encoder = msgspec.json.Encoder()


class ErrorBody(Struct, frozen=True):
    """The error as clients of the service that came before read it."""

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
    results: Sequence[BatchResult] | UnsetType = UNSET


class ProblemError(Exception):
    """A request is answered with a problem; raised anywhere below a handler."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        problems: Sequence[FieldProblem] = (),
        results: Sequence[BatchResult] | UnsetType = UNSET,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail
        self.problems, self.results, self.headers = problems, results, dict(headers or {})


def field_problems(problems: Iterable[Problem]) -> list[FieldProblem]:
    """Return the problems of a trade as they are answered."""
    return [FieldProblem(path, message) for path, message in problems]


def unavailable(detail: str, **more: Any) -> ProblemError:
    """Return the problem that passes by itself: 503, with when to send the request again."""
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return ProblemError(503, RefusalCode.UNAVAILABLE, detail, headers=headers, **more)


def full(
    code: RefusalCode, detail: str, retry_after_seconds: int | None, **more: Any
) -> ProblemError:
    """Return the problem of a backlog that takes no more: of a partition 429, of more 503."""
    status = 429 if code is RefusalCode.PARTITION_FULL else 503
    headers = {"Retry-After": str(retry_after_seconds or RETRY_AFTER_SECONDS)}
    return ProblemError(status, code, detail, headers=headers, **more)


def not_valid(problems: Sequence[FieldProblem]) -> ProblemError:
    """Return the problem of a request that is not as it must be, with all that is wrong."""
    count = len(problems)
    detail = f"nothing was done: {count} problem{'s' if count > 1 else ''}"
    return ProblemError(400, RefusalCode.INVALID, detail, problems=problems)


def not_found(detail: str) -> ProblemError:
    """Return the problem of an id that nobody knows."""
    return ProblemError(404, "NOT_FOUND", detail)


def _answer(request: Request[Any, Any, Any], problem: ProblemError) -> Response[bytes]:
    path = request.scope["path"]
    body = ProblemBody(
        type=TYPE_PREFIX + problem.code.lower().replace("_", "-"),
        title=HTTPStatus(problem.status).phrase,
        status=problem.status,
        detail=problem.detail,
        instance=path,
        error=ErrorBody(problem.code, problem.detail, problem.problems, datetime.now(UTC), path),
        problems=problem.problems or UNSET,
        results=problem.results,
    )
    return Response(
        _encoder.encode(body),
        status_code=problem.status,
        media_type=PROBLEM_JSON,
        headers=problem.headers,
    )


def _of_http(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = HTTPStatus(error.status_code)
    headers = error.headers or {}
    detail = error.detail
    if status is HTTPStatus.NOT_FOUND:
        detail = "nothing is served at this address; /schema shows what is"
    elif status is HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"this address takes {headers.get('allow', 'another method')}"
    elif status is HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        limit = request.route_handler.resolve_request_max_body_size()
        detail = f"the body is larger than {limit} bytes; nothing of it was kept"
    return _answer(request, ProblemError(status.value, status.name, detail, headers=headers))


def _of_redis(request: Request[Any, Any, Any], error: RedisError) -> Response[bytes]:
    log.warning("Redis failed", error=str(error), correlation_id=correlation_id_of(request.scope))
    return _answer(request, unavailable("Redis does not answer as it should; send this again"))


def _of_database(request: Request[Any, Any, Any], error: SQLAlchemyError) -> Response[bytes]:
    log.warning("ledger failed", error=str(error), correlation_id=correlation_id_of(request.scope))
    return _answer(
        request,
        unavailable("the ledger cannot be read just now; accepted trades are safe, ask again"),
    )


def _of_ledger(request: Request[Any, Any, Any], error: LedgerUnavailableError) -> Response[bytes]:
    log.warning("ledger failed", error=str(error), correlation_id=correlation_id_of(request.scope))
    return _answer(request, unavailable("the ledger cannot be written just now; send this again"))


def _of_lanes(request: Request[Any, Any, Any], error: LaneCountError) -> Response[bytes]:
    log.error("lane count differs", error=str(error))
    return _answer(request, unavailable(str(error)))


def _of_bug(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    correlation_id = correlation_id_of(request.scope)
    log.error("request failed", exc_info=error, correlation_id=correlation_id)
    detail = (
        "the service failed; sending a trade again is harmless. "
        f"Its log has more under correlation id {correlation_id}"
    )
    return _answer(request, ProblemError(500, "INTERNAL_ERROR", detail))


# The most particular class of an exception wins.
EXCEPTION_HANDLERS: ExceptionHandlersMap = {
    ProblemError: _answer,
    HTTPException: _of_http,
    RedisError: _of_redis,
    SQLAlchemyError: _of_database,
    LedgerUnavailableError: _of_ledger,
    LaneCountError: _of_lanes,
    Exception: _of_bug,
}
