"""`GET /trades/jobs/{jobId}/status`, the status of a trade's or a batch's job."""

from datetime import UTC, datetime

import pytest

from tests.support.api.problems import problem_of
from tests.support.api.requests import Deployment, new_trade
from tradecapture.api.service.batch_jobs import BatchJob
from tradecapture.api.trades.bodies import JobStatus
from tradecapture.api.trades.jobs import batch_job, trade_job
from tradecapture.capture.status import TradeStatus
from tradecapture.trades.lifecycle import Outcome, TradeState
from tradecapture.trades.partition import PartitionKey

ACCEPTED_AT = datetime(2026, 1, 15, 9, 30, tzinfo=UTC)
NOW = datetime(2026, 1, 15, 9, 31, tzinfo=UTC)


def test_waiting_trade_is_a_pending_job(quiet: Deployment) -> None:
    """The job of a waiting trade is PENDING, with every field of the contract."""
    trade_id, body = new_trade()
    answer = quiet.submit(body).json()
    job = quiet.http.get(answer["statusUrl"]).json()
    accepted_at = quiet.trade(trade_id).json()["acceptedAt"]
    assert job.pop("message")
    assert job == {
        "jobId": answer["jobId"],
        "status": "PENDING",
        "progress": 0,
        "result": None,
        "error": None,
        "createdAt": accepted_at,
        "updatedAt": accepted_at,
    }


@pytest.mark.workers
def test_captured_trade_is_a_completed_job(fleet: Deployment) -> None:
    """The job of a captured trade is COMPLETED, with the trade's position and sequence."""
    trade_id, body = new_trade(bookId="JOBS")
    captured = fleet.submit(body, Prefer="wait=30").json()
    job = fleet.http.get(fleet.submit(body).json()["statusUrl"]).json()
    assert (job["status"], job["progress"], job["error"]) == ("COMPLETED", 100, None)
    assert job["result"] == {
        name: captured[name] for name in ("tradeId", "partitionKey", "position", "ledgerSequence")
    }
    assert job["result"]["tradeId"] == trade_id
    assert job["updatedAt"] == captured["capturedAt"]


@pytest.mark.parametrize(
    "job_id",
    [
        "unknown",
        "trade-",
        "trade-VW5rbm93bg",
        "trade-%FF",
        "trade-!!",
        "batch-",
        "batch-" + "0" * 32,
    ],
)
def test_unknown_job_is_not_found(quiet: Deployment, job_id: str) -> None:
    """An id that no job has is a 404 problem."""
    problem_of(quiet.http.get(f"/api/v1/trades/jobs/{job_id}/status"), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("state", "reason", "status", "progress"),
    [
        (TradeState.ACCEPTED, None, JobStatus.PENDING, 0),
        (TradeState.CAPTURED, None, JobStatus.COMPLETED, 100),
        (TradeState.REJECTED, "the id was used", JobStatus.FAILED, 100),
        (TradeState.PARKED, "division by zero", JobStatus.FAILED, 100),
    ],
)
def test_each_state_of_a_trade_is_a_job_status(
    state: TradeState, reason: str | None, status: JobStatus, progress: int
) -> None:
    """A trade's job has a status for each of its states, and its reason as the error."""
    job = trade_job(
        "trade-VA", TradeStatus("T", state, PartitionKey("A_B_C"), 1, ACCEPTED_AT, reason=reason)
    )
    assert (job.status, job.progress, job.error) == (status, progress, reason)


@pytest.mark.parametrize(
    ("outcomes", "status", "progress"),
    [
        ([], JobStatus.PENDING, 0),
        ([Outcome.CAPTURED], JobStatus.PROCESSING, 33),
        ([Outcome.CAPTURED, Outcome.PARKED], JobStatus.PROCESSING, 66),
        ([Outcome.CAPTURED, Outcome.DUPLICATE, Outcome.CAPTURED], JobStatus.COMPLETED, 100),
        ([Outcome.CAPTURED, Outcome.REJECTED, Outcome.PARKED], JobStatus.FAILED, 100),
    ],
)
def test_progress_of_a_batch_follows_its_trades(
    outcomes: list[Outcome], status: JobStatus, progress: int
) -> None:
    """A batch's job is FAILED once all trades have ended and one failed; its error comes first."""
    trade_ids = ["T1", "T2", "T3"]
    ended = dict(zip(trade_ids, outcomes, strict=False))
    job = batch_job("batch-1", BatchJob(ACCEPTED_AT, trade_ids, 1), ended, NOW)
    assert (job.status, job.progress) == (status, progress)
    failed = Outcome.PARKED in outcomes
    assert (job.error is not None) == failed
