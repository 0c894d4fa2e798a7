"""`/trades/capture`: submits one trade."""

import asyncio
from datetime import UTC, datetime
from typing import Any, NoReturn

from litestar import Request, post
from litestar.response.base import ASGIResponse
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.api.http.bodies import field_problems
from tradecapture.api.http.correlation import correlation_id_of
from tradecapture.api.http.media_types import JSON, require_media_type
from tradecapture.api.http.paths import CAPTURE, JOB_STATUS
from tradecapture.api.http.problem import ProblemError, full, unavailable
from tradecapture.api.http.responses import json_response
from tradecapture.api.service.batching import TooManyPendingError
from tradecapture.api.service.service import Service, service_of
from tradecapture.api.submission.bodies import AcceptedBody
from tradecapture.api.submission.documentation import CAPTURE_TRADE
from tradecapture.api.submission.headers import SubmissionHeaders, read_headers
from tradecapture.capture.status import TradeStatus, trade_body
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode
from tradecapture.trades.submission import Invalid, Submission, read_submission


@post(CAPTURE, status_code=202, operation_id="captureTrade", operation_class=CAPTURE_TRADE)
async def capture(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Accept a trade: 202 once it is safe on disk."""
    service = service_of(request)
    headers = read_headers(request.scope["headers"])
    require_media_type(request.scope["headers"], JSON)
    submission = _read(await request.body(), headers, correlation_id_of(request.scope))
    try:
        answer = await service.batcher.accept(submission)
    except TooManyPendingError as error:
        raise unavailable("too many trades wait in this process; send the trade again") from error
    if isinstance(answer, Refusal):
        _refuse(answer)
    return await _accepted(service, answer, headers.wait_seconds)


def _read(body: bytes, headers: SubmissionHeaders, correlation_id: str) -> Submission:
    submission = read_submission(
        body,
        datetime.now(UTC).date(),
        # An invalid header is already a problem; it must not become one of the trade too.
        idempotency_key="" if headers.problems else headers.idempotency_key,
        correlation_id=correlation_id,
        callback_url="" if headers.problems else headers.callback_url,
    )
    problems = list(headers.problems)
    if isinstance(submission, Invalid):
        problems += field_problems(submission.problems)
    if isinstance(submission, Invalid) or problems:
        count = len(problems)
        raise ProblemError(
            400,
            RefusalCode.INVALID,
            f"the trade was not accepted: {count} problem{'s' if count > 1 else ''}",
            problems=problems,
        )
    return submission


def _refuse(refusal: Refusal) -> NoReturn:
    if refusal.code is RefusalCode.UNAVAILABLE:
        raise unavailable(refusal.message)
    if refusal.code.is_full:
        raise full(refusal.code, refusal.message, refusal.retry_after_seconds)
    status = 409 if refusal.code is RefusalCode.CONFLICT else 400
    problems = field_problems(refusal.problems)
    raise ProblemError(status, refusal.code, refusal.message, problems=problems)


async def _accepted(service: Service, receipt: Receipt, wait_seconds: int) -> ASGIResponse:
    headers = {"Idempotency-Status": "duplicate"} if receipt.duplicate else {}
    if wait_seconds:
        headers["Preference-Applied"] = f"wait={wait_seconds}"
        status = await _outcome(service, receipt.trade_id, wait_seconds)
        if status is not None:
            return json_response(trade_body(status), headers=headers)
    job_id = receipt.job_id
    body = AcceptedBody(
        status=receipt.expected_outcome,
        trade_id=receipt.trade_id,
        job_id=job_id,
        partition_key=receipt.partition_key,
        message=_message(receipt),
        status_url=JOB_STATUS.format(job_id),
    )
    return json_response(body, 202, headers)


def _message(receipt: Receipt) -> str:
    if receipt.duplicate:
        message = "the trade was accepted before; this is its first receipt"
    elif receipt.expected_outcome is ExpectedOutcome.REJECTED:
        message = "the trade is safe, but will be recorded as rejected"
    else:
        message = "the trade is safe and waits to be captured"
    return f"{message}: {receipt.why}" if receipt.why else message


async def _outcome(service: Service, trade_id: str, wait_seconds: int) -> TradeStatus | None:
    if not await service.outcome_watch.wait(trade_id, wait_seconds):
        return None
    try:
        return await asyncio.to_thread(service.gateway.status, trade_id)
    except (RedisError, SQLAlchemyError):
        return None  # the trade is safe, so the response is 202 and not an error
