"""`/trades/capture`: submit one trade, and ask what became of it."""

import asyncio
from datetime import UTC, datetime
from typing import Any, NoReturn
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Request, get, post
from litestar.response.base import ASGIResponse
from msgspec import UNSET, Raw
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.api.bodies import AcceptedBody, FieldProblem, TradeBody
from tradecapture.api.correlation import correlation_id_of
from tradecapture.api.documentation import CAPTURE, TRADE
from tradecapture.api.gathering import GatheringFullError
from tradecapture.api.headers import SubmissionHeaders, media_type_of, read_headers
from tradecapture.api.media_types import JSON
from tradecapture.api.problem import ProblemError, not_found, unavailable
from tradecapture.api.service import Service, service_of
from tradecapture.receipt import Receipt, Refusal, RefusalCode
from tradecapture.status import TradeStatus
from tradecapture.submission import Invalid, Submission, read_submission
from tradecapture.trade import TRADE_ID_LENGTH

PATH = "/trades/capture"
STATUS_URL = "/api/v1/trades/jobs/{}/status"

_encode = msgspec.json.Encoder().encode


@post(PATH, status_code=202, operation_id="captureTrade", operation_class=CAPTURE)
async def capture(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Accept a trade: 202 once it is safe on disk at the broker."""
    service = service_of(request)
    headers = read_headers(request.scope["headers"])
    require_media_type(request, JSON)
    submission = _read(await request.body(), headers, correlation_id_of(request.scope))
    try:
        answer = await service.gathering.accept(submission)
    except GatheringFullError as error:
        raise unavailable("too many trades wait here already; send this one again") from error
    if isinstance(answer, Refusal):
        _refuse(answer)
    return await _accepted(service, answer, headers.wait_seconds)


@get(PATH + "/{tradeId:path}", operation_id="getTrade", operation_class=TRADE)
async def trade(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Tell what is known of a trade."""
    return await _trade(request)


# The one trade id whose address is also that of something else.
@get(PATH + "/batch", include_in_schema=False)
async def trade_named_batch(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Tell what is known of the trade with the id "batch"."""
    return await _trade(request)


def require_media_type(request: Request[Any, Any, Any], *accepted: str) -> str:
    """Return the media type of a request's body.

    Raises:
        ProblemError: 415, it is none of those that are accepted.
    """
    media_type = media_type_of(request.scope["headers"])
    if media_type not in accepted:
        raise ProblemError(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            f"Content-Type is {media_type or 'missing'}: send {' or '.join(accepted)}",
        )
    return media_type


def find_trade(service: Service, trade_id: str) -> TradeStatus | None:
    """Return what is known of a trade; blocks.

    Raises:
        redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError: out of reach.
    """
    # Nothing else was ever accepted, and a database may choke on a NUL.
    if not (0 < len(trade_id) <= TRADE_ID_LENGTH and trade_id.isprintable()):
        return None
    return service.client.status(trade_id)


def trade_body(status: TradeStatus) -> TradeBody:
    """Return what is answered of a trade."""
    return TradeBody(
        trade_id=status.trade_id,
        status=status.status,
        partition_key=status.partition_key,
        position=status.position,
        accepted_at=status.accepted_at,
        ledger_sequence=_or_unset(status.ledger_sequence),
        captured_at=_or_unset(status.captured_at),
        task_id=_or_unset(status.task_id),
        reason=_or_unset(status.reason),
        trade=UNSET if status.document is None else _as_stored(status.document),
    )


def field_problems(invalid: Invalid | Refusal) -> list[FieldProblem]:
    """Return the problems of a trade as they are answered."""
    return [FieldProblem(path, message) for path, message in invalid.problems]


def _read(body: bytes, headers: SubmissionHeaders, correlation_id: str) -> Submission:
    read = read_submission(
        body,
        datetime.now(UTC).date(),
        # A header that is not sound is a problem of its own, not of the trade too.
        idempotency_key="" if headers.problems else headers.idempotency_key,
        correlation_id=correlation_id,
        callback_url="" if headers.problems else headers.callback_url,
    )
    problems = list(headers.problems)
    if isinstance(read, Invalid):
        problems += field_problems(read)
    if isinstance(read, Invalid) or problems:
        count = len(problems)
        raise ProblemError(
            400,
            RefusalCode.INVALID,
            f"the trade was not accepted: {count} problem{'s' if count > 1 else ''}",
            problems=problems,
        )
    return read


def _refuse(refusal: Refusal) -> NoReturn:
    if refusal.code is RefusalCode.UNAVAILABLE:
        raise unavailable(refusal.message)
    status = 409 if refusal.code is RefusalCode.CONFLICT else 400
    raise ProblemError(status, refusal.code, refusal.message, problems=field_problems(refusal))


async def _accepted(service: Service, receipt: Receipt, wait_seconds: int) -> ASGIResponse:
    headers = {"Idempotency-Status": "duplicate"} if receipt.duplicate else {}
    if wait_seconds:
        headers["Preference-Applied"] = f"wait={wait_seconds}"
        status = await _outcome(service, receipt.trade_id, wait_seconds)
        if status is not None:
            return ASGIResponse(body=_encode(trade_body(status)), headers=headers)
    job_id = receipt.job_id
    body = AcceptedBody(
        status="ACCEPTED",
        trade_id=receipt.trade_id,
        job_id=job_id,
        partition_key=receipt.partition_key,
        message="the trade was accepted before; this is its first receipt"
        if receipt.duplicate
        else "the trade is safe and waits to be captured",
        status_url=STATUS_URL.format(job_id),
    )
    return ASGIResponse(body=_encode(body), status_code=202, headers=headers)


async def _outcome(service: Service, trade_id: str, wait_seconds: int) -> TradeStatus | None:
    if not await service.outcomes.wait(trade_id, wait_seconds):
        return None
    try:
        return await asyncio.to_thread(service.client.status, trade_id)
    except (RedisError, SQLAlchemyError):
        return None  # the trade is safe: the answer must be 202, not that something failed


async def _trade(request: Request[Any, Any, Any]) -> ASGIResponse:
    # From the address as sent: a trade id may hold a slash (%2F), two, or end with one.
    name = request.scope["raw_path"].partition(PATH.encode() + b"/")[2]
    try:
        trade_id = unquote_to_bytes(name).decode()
    except UnicodeDecodeError as error:
        raise not_found("the trade id in the address is not UTF-8") from error
    status = await asyncio.to_thread(find_trade, service_of(request), trade_id)
    if status is None:
        raise not_found(f"no trade with the id {trade_id!r} was accepted")
    return ASGIResponse(body=_encode(trade_body(status)))


def _as_stored(document: bytes) -> Raw:
    """Return a document byte for byte: its decimals must not pass through a number type."""
    try:
        return msgspec.json.decode(document, type=Raw)
    except (msgspec.DecodeError, RecursionError):
        # Parked because it cannot be read: show it as text, so that the answer can be.
        return Raw(_encode(document.decode(errors="replace")))


def _or_unset(value: Any) -> Any:
    return UNSET if value is None else value
