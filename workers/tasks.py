"""The fleet's tasks: answer a bell, and submit a trade for services that have only Celery."""

from collections.abc import Mapping
from typing import Any

import structlog
from celery import Task, shared_task

from tradecapture.bell import Bell
from tradecapture.receipt import Refusal, RefusalCode
from tradecapture.routing import CAPTURE_TASK, SUBMIT_TASK
from workers import process

LANE_SHOWN = 50  # characters of a wrong lane that are shown; a message may be of any size
SUBMIT_RETRY_SECONDS = 2  # a restarted Redis is usually back by then

log = structlog.get_logger(__name__)


class UnknownLaneError(ValueError):
    """A message asks for a lane that this deployment does not have; nothing was done."""


class TradeRefusedError(ValueError):
    """A trade submitted as a Celery task was refused; the message says why and what to do."""


@shared_task(name=CAPTURE_TASK, bind=True, throws=(UnknownLaneError,))
def capture(task: Task, lane: int) -> dict[str, Any]:
    """Answer a lane's bell: capture what is due there, and ring again if time ran out first.

    Returns:
        The lane and its counts: Flower shows them as the task's result.

    Raises:
        UnknownLaneError: there is no such lane.
    """
    worker = process.current()
    _check_lane(lane, worker.settings.lanes)
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
        # What is no Unicode text is passed on as it is, and refused with a reason.
        trade.encode(errors="surrogatepass") if isinstance(trade, str) else trade,
        idempotency_key=idempotency_key,
        correlation_id=correlation_id,
        callback_url=callback_url,
    )
    if not isinstance(answer, Refusal):
        return {"tradeId": answer.trade_id, "jobId": answer.job_id, "position": answer.position}
    if answer.code is RefusalCode.UNAVAILABLE or answer.code.is_full:
        # Its sender has gone: nobody else would send it again.
        seconds = answer.retry_after_seconds or SUBMIT_RETRY_SECONDS
        raise task.retry(countdown=seconds, exc=TradeRefusedError(answer.message))
    raise TradeRefusedError(answer.message)


def _check_lane(lane: object, lanes: int) -> None:
    """Refuse what is no lane: the lane becomes part of Redis keys, and a message can hold anything.

    Raises:
        UnknownLaneError: the message says which lanes there are.
    """
    # Not isinstance: to Python True is a whole number.
    if type(lane) is not int or not 0 <= lane < lanes:
        raise UnknownLaneError(
            f"{repr(lane)[:LANE_SHOWN]} is no lane of this deployment: give a whole number from "
            f"0 to {lanes - 1}. Nothing was done"
        )


def _has_float(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_float(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(_has_float(inner) for inner in value)
    return isinstance(value, float)
