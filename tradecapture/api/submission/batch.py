"""`/trades/capture/batch`: submit up to 10,000 trades; one result each, and a job for all."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import structlog
from litestar import Request, post
from litestar.response.base import ASGIResponse
from msgspec import UNSET
from redis.exceptions import RedisError

from tradecapture.api.bodies import BatchBody, BatchResult
from tradecapture.api.http.correlation import correlation_id_of
from tradecapture.api.http.media_types import JSON, NDJSON
from tradecapture.api.http.paths import CAPTURE, JOB_STATUS
from tradecapture.api.http.problem import ProblemError, field_problems, full, unavailable
from tradecapture.api.http.query import require_media_type
from tradecapture.api.service.batch_jobs import BatchJob, batch_job_id
from tradecapture.api.service.batching import BatchQueueFullError
from tradecapture.api.service.service import Service, service_of
from tradecapture.api.submission.batch_body import BATCH_BYTES, BatchDocument, split_batch
from tradecapture.api.submission.documentation import BATCH
from tradecapture.api.submission.headers import read_headers
from tradecapture.trades.problems import Problem
from tradecapture.trades.receipt import Answer, Receipt, Refusal, RefusalCode
from tradecapture.trades.submission import Invalid, Submission, read_submission

log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


@post(
    CAPTURE + "/batch",
    status_code=202,
    request_max_body_size=BATCH_BYTES,
    operation_id="captureBatch",
    operation_class=BATCH,
)
async def capture_batch(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Accept the valid trades of a batch: 202 once they are safe on disk at the broker."""
    service = service_of(request)
    headers = read_headers(request.scope["headers"])
    media_type = require_media_type(request.scope["headers"], JSON, NDJSON)
    if headers.problems:
        raise ProblemError(
            400, RefusalCode.INVALID, "no trade was accepted", problems=headers.problems
        )
    body = await request.body()
    correlation_id = correlation_id_of(request.scope)

    def work() -> bytes:
        now = datetime.now(UTC)
        documents = split_batch(body, media_type)
        trades = [
            _read(service, document, now.date(), correlation_id, headers.callback_url)
            for document in documents
        ]
        answers = service.accept(trades)
        return _encode(_answer(service, batch_job_id(body), now, documents, answers))

    try:
        return ASGIResponse(body=await service.batches.run(work), status_code=202)
    except BatchQueueFullError as error:
        raise unavailable("too many batches wait here already; send this one again") from error


def _read(
    service: Service, document: BatchDocument, today: date, correlation_id: str, callback_url: str
) -> Submission | Invalid:
    limit = service.gateway.settings.trade_bytes
    if len(document.body) > limit:
        return Invalid(None, [Problem("$", f"is larger than {limit} bytes")])
    return read_submission(
        document.body, today, correlation_id=correlation_id, callback_url=callback_url
    )


def _answer(
    service: Service,
    job_id: str,
    now: datetime,
    documents: list[BatchDocument],
    answers: list[Answer],
) -> BatchBody:
    """Return the answer to a batch of which at least one trade was accepted.

    Raises:
        ProblemError: none was; the problem carries the results.
    """
    results = [
        _result(document, answer) for document, answer in zip(documents, answers, strict=True)
    ]
    accepted = [answer.trade_id for answer in answers if isinstance(answer, Receipt)]
    refused = len(answers) - len(accepted)
    if not accepted:
        codes = {answer.code for answer in answers if isinstance(answer, Refusal)}
        detail = "no trade of the batch was accepted; see the result of each"
        if RefusalCode.UNAVAILABLE in codes:
            raise unavailable(detail, results=results)
        for code in (RefusalCode.BACKLOG_FULL, RefusalCode.PARTITION_FULL):
            if code in codes:
                raise full(code, detail, _retry_after(answers), results=results)
        raise ProblemError(400, RefusalCode.INVALID, detail, results=results)
    kept = _keep_job(service, job_id, BatchJob(now, list(dict.fromkeys(accepted)), refused))
    return BatchBody(
        status="ACCEPTED",
        job_id=job_id if kept else None,
        status_url=JOB_STATUS.format(job_id) if kept else None,
        message=f"{len(accepted)} of {len(answers)} trades are safe and wait to be captured"
        + ("" if kept else "; the batch has no job, ask for each trade"),
        total_trades=len(answers),
        accepted_trades=len(accepted),
        refused_trades=refused,
        results=results,
    )


def _retry_after(answers: list[Answer]) -> int:
    """Return in how many seconds there will be room for each trade that found none."""
    waits = (answer.retry_after_seconds for answer in answers if isinstance(answer, Refusal))
    return max(seconds or 0 for seconds in waits)


def _keep_job(service: Service, job_id: str, job: BatchJob) -> bool:
    try:
        service.batch_jobs.keep(job_id, job)
    except RedisError as error:
        # The trades are accepted: the answer must say so, whatever became of the job.
        log.warning("batch job not kept", job_id=job_id, error=str(error))
        return False
    return True


def _result(document: BatchDocument, answer: Answer) -> BatchResult:
    line = UNSET if document.line is None else document.line
    if isinstance(answer, Receipt):
        return BatchResult(
            index=document.place,
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
        index=document.place,
        trade_id=answer.trade_id,
        status="REFUSED",
        line=line,
        code=answer.code,
        retry_after_seconds=answer.retry_after_seconds or UNSET,
        message=answer.message,
        problems=field_problems(answer.problems) or UNSET,
    )
