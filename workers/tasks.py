"""The fleet's tasks: answer a bell, and submit a trade for services that have only Celery."""

from collections.abc import Mapping
from typing import Any

import structlog
from celery import Task, shared_task

from tradecapture.bell import Bell
from tradecapture.document import encode
from tradecapture.receipt import Refusal, RefusalCode
from tradecapture.routing import CAPTURE_TASK, SUBMIT_TASK
from workers import process

SUBMIT_RETRY_SECONDS = 2  # a restarted Redis is usually back by then

log = structlog.get_logger(__name__)


class TradeRefusedError(ValueError):
    """A trade submitted as a Celery task was refused; the message says why and what to do."""


@shared_task(name=CAPTURE_TASK, bind=True)
def capture(task: Task, lane: int) -> dict[str, Any]:
    """Answer a lane's bell: capture what is due there, and ring again if time ran out first.

    Returns:
        The lane and its counts: Flower shows them as the task's result.
    """
    worker = process.current()
    # Before the look: whatever is accepted from now on rings again.
    worker.inbox.clear_bell(lane)
    summary = worker.capture.drain(lane, task.request.id, worker.settings.budget_seconds)
    if summary.work_left:
        Bell(task.app, worker.inbox).ring(worker.inbox.overdue([lane]))
    counts = {
        "lane": lane,
        "batches": summary.batches,
        **{outcome.lower(): number for outcome, number in summary.outcomes.items()},
        "stale": summary.stale,
        "postponed": summary.postponed,
        "halted": summary.halted,
    }
    log.info("lane captured", **counts)
    return counts


@shared_task(name=SUBMIT_TASK, bind=True, max_retries=None)
def submit(
    task: Task,
    trade: str | Mapping[str, Any],
    idempotency_key: str = "",
    correlation_id: str = "",
    callback_url: str = "",
) -> dict[str, Any]:
    """Submit a trade: its JSON as text, or a mapping whose decimals are text.

    Until a worker has run this task, the trade lives only in a Celery message, and a Redis broker
    can lose one: a worker that is killed between taking a message and noting that it has it takes
    the message with it. Services that can reach Redis or the API use `Client` or HTTP instead;
    others ask for the trade's status and send it again until it is there, which is harmless.

    Raises:
        TradeRefusedError: the trade is not valid, or its id was used for another.
    """
    if isinstance(trade, Mapping) and _has_float(trade.get("tradeLots")):
        raise TradeRefusedError(
            "$.tradeLots holds a binary float, which may not be the number that was meant: "
            "send decimals as text, or the whole trade as JSON text"
        )
    answer = process.client().submit(
        trade.encode() if isinstance(trade, str) else encode(dict(trade)),
        idempotency_key=idempotency_key,
        correlation_id=correlation_id,
        callback_url=callback_url,
    )
    if not isinstance(answer, Refusal):
        return {"tradeId": answer.trade_id, "jobId": answer.job_id, "position": answer.position}
    if answer.code is RefusalCode.UNAVAILABLE:
        raise task.retry(countdown=SUBMIT_RETRY_SECONDS, exc=TradeRefusedError(answer.message))
    raise TradeRefusedError(answer.message)


def _has_float(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_float(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(_has_float(inner) for inner in value)
    return isinstance(value, float)
