"""`/trades/capture/batch`: submits up to 10,000 trades, with one result each and a job for all."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any

import msgspec
import structlog
from litestar import Request, post
from litestar.response.base import ASGIResponse
from msgspec import UNSET
from redis.exceptions import RedisError

from tradecapture.api.http.bodies import field_problems
from tradecapture.api.http.correlation import correlation_id_of
from tradecapture.api.http.media_types import JSON, NDJSON, require_media_type
from tradecapture.api.http.paths import CAPTURE, JOB_STATUS
from tradecapture.api.http.problem import ProblemBody, ProblemError, full, unavailable
from tradecapture.api.http.responses import json_response
from tradecapture.api.service.batch_jobs import BatchJob, batch_job_id
from tradecapture.api.service.batching import TooManyBatchesError
from tradecapture.api.service.service import Service, service_of
from tradecapture.api.submission.batch_reader import MAX_BATCH_BYTES, BatchDocument, split_batch
from tradecapture.api.submission.bodies import BatchBody, BatchProblemBody, BatchResult
from tradecapture.api.submission.documentation import CAPTURE_BATCH
from tradecapture.api.submission.headers import read_headers
from tradecapture.trades.problems import Problem
from tradecapture.trades.receipt import Answer, Receipt, Refusal, RefusalCode
from tradecapture.trades.submission import Invalid, Submission, read_submission

log = structlog.get_logger(__name__)


class NothingAcceptedError(ProblemError):
    """No trade of a batch was accepted; the problem document has the result of each trade."""

    def __init__(self, problem: ProblemError, results: Sequence[BatchResult]) -> None:
        """Add the results to a problem."""
        super().__init__(problem.status, problem.code, problem.detail, headers=problem.headers)
        self._results = results

    def body(self, path: str) -> ProblemBody:
        """Return the problem document with the results."""
        problem = msgspec.structs.asdict(super().body(path))
        return BatchProblemBody(**problem, results=self._results)


@post(
    CAPTURE + "/batch",
    status_code=202,
    request_max_body_size=MAX_BATCH_BYTES,
    operation_id="captureBatch",
    operation_class=CAPTURE_BATCH,
)
async def capture_batch(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Accept the valid trades of a batch: 202 once they are safe on disk."""
    service = service_of(request)
    headers = read_headers(request.scope["headers"])
    media_type = require_media_type(request.scope["headers"], JSON, NDJSON)
    if headers.problems:
        detail = "no trade was accepted: a header is not valid"
        raise ProblemError(400, RefusalCode.INVALID, detail, problems=headers.problems)
    body = await request.body()
    correlation_id = correlation_id_of(request.scope)

    def accept_batch() -> ASGIResponse:
        now = datetime.now(UTC)
        documents = split_batch(body, media_type)
        trades = [
            _read(service, document, now.date(), correlation_id, headers.callback_url)
            for document in documents
        ]
        answers = service.accept(trades)
        batch_body = _batch_body(service, batch_job_id(body), now, documents, answers)
        return json_response(batch_body, 202)

    try:
        return await service.batch_queue.run(accept_batch)
    except TooManyBatchesError as error:
        raise unavailable("too many batches wait in this process; send the batch again") from error


def _read(
    service: Service, document: BatchDocument, today: date, correlation_id: str, callback_url: str
) -> Submission | Invalid:
    limit = service.gateway.settings.trade_bytes
    if len(document.body) > limit:
        return Invalid(None, [Problem("$", f"is larger than {limit} bytes")])
    return read_submission(
        document.body, today, correlation_id=correlation_id, callback_url=callback_url
    )


def _batch_body(
    service: Service,
    job_id: str,
    now: datetime,
    documents: list[BatchDocument],
    answers: list[Answer],
) -> BatchBody:
    """Return the response to a batch with at least one accepted trade, and store its job.

    Raises:
        NothingAcceptedError: no trade was accepted.
    """
    results = [
        _result(document, answer) for document, answer in zip(documents, answers, strict=True)
    ]
    accepted = [answer.trade_id for answer in answers if isinstance(answer, Receipt)]
    refusals = [answer for answer in answers if isinstance(answer, Refusal)]
    if not accepted:
        raise NothingAcceptedError(_batch_problem(refusals), results)
    job = BatchJob(now, list(dict.fromkeys(accepted)), len(refusals))
    stored = _store_job(service, job_id, job)
    return BatchBody(
        status="ACCEPTED",
        job_id=job_id if stored else None,
        status_url=JOB_STATUS.format(job_id) if stored else None,
        message=f"{len(accepted)} of {len(answers)} trades are safe and wait to be captured"
        + ("" if stored else "; the job of the batch was not stored, ask for each trade instead"),
        total_trades=len(answers),
        accepted_trades=len(accepted),
        refused_trades=len(refusals),
        results=results,
    )


def _batch_problem(refusals: Sequence[Refusal]) -> ProblemError:
    """Return the problem of a batch without an accepted trade. A temporary reason goes first."""
    codes = {refusal.code for refusal in refusals}
    detail = "no trade of the batch was accepted; see the result of each trade"
    if RefusalCode.UNAVAILABLE in codes:
        return unavailable(detail)
    for code in (RefusalCode.BACKLOG_FULL, RefusalCode.PARTITION_FULL):
        if code in codes:
            # The longest wait: after it there is room for each trade.
            return full(code, detail, max(r.retry_after_seconds or 0 for r in refusals))
    return ProblemError(400, RefusalCode.INVALID, detail)


def _store_job(service: Service, job_id: str, job: BatchJob) -> bool:
    try:
        service.batch_jobs.store(job_id, job)
    except RedisError as error:
        # The trades are accepted, and the response must say so even without a job.
        log.warning("batch job not stored", job_id=job_id, error=str(error))
        return False
    return True


def _result(document: BatchDocument, answer: Answer) -> BatchResult:
    line = UNSET if document.line is None else document.line
    if isinstance(answer, Receipt):
        return BatchResult(
            index=document.index,
            trade_id=answer.trade_id,
            status=answer.expected_outcome.value,
            line=line,
            duplicate=answer.duplicate,
            job_id=answer.job_id,
            partition_key=answer.partition_key,
            position=answer.position,
            message=answer.why or UNSET,
        )
    return BatchResult(
        index=document.index,
        trade_id=answer.trade_id,
        status="REFUSED",
        line=line,
        code=answer.code,
        retry_after_seconds=answer.retry_after_seconds or UNSET,
        message=answer.message,
        problems=field_problems(answer.problems) or UNSET,
    )
