"""`/trades/jobs`: the progress of one trade, or of a batch."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from litestar import Request, get
from litestar.response.base import ASGIResponse

from tradecapture.api.http.problem import not_found
from tradecapture.api.http.responses import json_response
from tradecapture.api.service.batch_jobs import BatchJob, is_batch_job_id
from tradecapture.api.service.service import Service, service_of
from tradecapture.api.trades.bodies import JobBody, JobResult, JobStatus
from tradecapture.api.trades.documentation import JOB
from tradecapture.capture.status import TradeStatus
from tradecapture.trades.document import or_unset
from tradecapture.trades.lifecycle import Outcome, TradeState
from tradecapture.trades.receipt import trade_id_of

FAILED_OUTCOMES = (Outcome.REJECTED, Outcome.PARKED)


@get("/trades/jobs/{jobId:str}/status", operation_id="getJobStatus", operation_class=JOB)
async def job_status(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Return the progress of a job."""
    job_id = request.scope["path_params"]["jobId"]
    body = await asyncio.to_thread(_job_body, service_of(request), job_id)
    if body is None:
        raise not_found(
            f"there is no job with the id {job_id!r}; the job of a batch is deleted after the "
            "idempotency window, usually a day"
        )
    return json_response(body)


def _job_body(service: Service, job_id: str) -> JobBody | None:
    if (trade_id := trade_id_of(job_id)) is not None:
        status = service.gateway.status(trade_id)
        return None if status is None else trade_job(job_id, status)
    job = service.batch_jobs.find(job_id) if is_batch_job_id(job_id) else None
    if job is None:
        return None
    return batch_job(
        job_id, job, service.gateway.replica_reader.outcomes(job.trade_ids), datetime.now(UTC)
    )


def trade_job(job_id: str, status: TradeStatus) -> JobBody:
    """Return the progress of one trade."""
    job_status, message = {
        TradeState.ACCEPTED: (JobStatus.PENDING, "the trade is safe and waits to be captured"),
        TradeState.CAPTURED: (JobStatus.COMPLETED, "the trade is captured"),
        TradeState.REJECTED: (JobStatus.FAILED, "the trade was rejected"),
        TradeState.BUFFERED: (
            JobStatus.PENDING,
            "the trade is safe in the ledger and waits for trades with lower numbers",
        ),
        TradeState.PARKED: (JobStatus.FAILED, "the trade is parked until an operator decides"),
    }[status.status]
    is_pending = job_status is JobStatus.PENDING
    result = JobResult(
        trade_id=status.trade_id,
        partition_key=status.partition_key,
        position=status.position,
        ledger_sequence=or_unset(status.ledger_sequence),
    )
    return JobBody(
        job_id=job_id,
        status=job_status,
        progress=0 if is_pending else 100,
        message=message,
        result=None if is_pending else result,
        error=status.reason,
        created_at=status.accepted_at,
        updated_at=status.captured_at or status.recorded_at or status.accepted_at,
    )


def batch_job(
    job_id: str, job: BatchJob, outcomes: Mapping[str, Outcome], now: datetime
) -> JobBody:
    """Return the progress of a batch, given the outcome of each of its trades that has one."""
    total, ended = len(job.trade_ids), len(outcomes)
    counts = Counter(outcomes.values())
    failed = sum(counts[outcome] for outcome in FAILED_OUTCOMES)
    if ended == 0:
        status = JobStatus.PENDING
    elif ended < total:
        status = JobStatus.PROCESSING
    else:
        status = JobStatus.FAILED if failed else JobStatus.COMPLETED
    return JobBody(
        job_id=job_id,
        status=status,
        progress=100 * ended // total,  # rounded down: 100 only if all have ended
        message=f"{ended} of {total} accepted trades have an outcome",
        result=JobResult(
            accepted_trades=total,
            refused_trades=job.refused,
            ended_trades=ended,
            outcomes=counts,
        ),
        error=f"{failed} of {total} trades were rejected or parked" if failed else None,
        created_at=job.created_at,
        updated_at=now,
    )
