"""The fleet's tasks: answer a bell, and submit a trade for services that have only Celery."""

import random
from collections.abc import Mapping
from typing import Any

import structlog
from celery import Task, shared_task

from tradecapture.capture.bell import Bell
from tradecapture.capture.messages import (
    CAPTURE_TASK,
    MESSAGE_VERSION,
    SIGNATURE_HEADER,
    SUBMIT_TASK,
)
from tradecapture.trades.receipt import Refusal, RefusalCode
from workers import process

LANE_SHOWN = 50  # characters of a wrong lane that are shown; a message may be of any size
SUBMIT_RETRY_SECONDS = 2  # a restarted Redis is usually back by then
# For a trade that needs a newer release, whose workers may start meanwhile. Spread, so that it does
# not come back in step with the worker that looked at it: that one would take it for ever.
NEWER_RETRY_SECONDS = (1.0, 4.0)

log = structlog.get_logger(__name__)


class UnknownLaneError(ValueError):
    """A message asks for a lane that this deployment does not have; nothing was done."""


class TradeRefusedError(ValueError):
    """A trade submitted as a Celery task was refused; the message says why and what to do."""


@shared_task(name=CAPTURE_TASK, bind=True, throws=(UnknownLaneError,))
def capture(task: Task, lane: int, *_newer: object, **_newer_named: object) -> dict[str, Any]:
    """Answer a lane's bell: capture what is due there, and ring again if time ran out first.

    Whatever else a newer release may say with a bell: to look into the lane is always harmless.

    Returns:
        The lane and its counts: Flower shows them as the task's result.

    Raises:
        UnknownLaneError: there is no such lane.
    """
    worker = process.current()
    _check_lane(lane, worker.settings.lanes)
    # Before the look: whatever is accepted from now on rings again.
    worker.inbox.clear_bell(lane)
    bell = Bell(task.app, worker.inbox)
    budget_seconds = worker.settings.budget_seconds
    summary = worker.capture.drain(lane, task.request.id, budget_seconds, bell.ring_if_due)
    if summary.work_left:
        bell.ring_if_due(lane)
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


# A broker that keeps it gives it to another process when the one that has it is killed.
@shared_task(name=SUBMIT_TASK, bind=True, max_retries=None, reject_on_worker_lost=True)
def submit(
    task: Task,
    trade: str | Mapping[str, Any],
    idempotency_key: str = "",
    correlation_id: str = "",
    callback_url: str = "",
    **newer: object,
) -> dict[str, Any]:
    """Submit a trade: its JSON as text, or a mapping whose decimals are text.

    Until a worker has run this task, the trade lives only in a Celery message, and a Redis broker
    can lose one: a worker that is killed between taking a message and noting that it has it takes
    the message with it. Services that can reach Redis or the API use `Client` or HTTP instead;
    others ask for the trade's status and send it again until it is there, which is harmless.
    RabbitMQ loses none, where the sender waits for its confirm (docs/high-availability.md).

    A message of a newer release, or with arguments that this one does not know, is kept for a
    worker of the release that does: without what it says the trade might be another.

    Raises:
        TradeRefusedError: the trade is not valid, or its id was used for another.
    """
    if needed := _needs_newer(task, newer):
        log.warning("trade left for workers of a newer release", needs=needed)
        countdown = random.uniform(*NEWER_RETRY_SECONDS)  # noqa: S311 - only spreads
        raise task.retry(countdown=countdown, exc=TradeRefusedError(needed))
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


def _needs_newer(task: Task, unknown: Mapping[str, object]) -> str:
    """Return what a message needs that this release does not know; empty: nothing."""
    signature = (task.request.headers or {}).get(SIGNATURE_HEADER, MESSAGE_VERSION)
    if not isinstance(signature, int) or signature > MESSAGE_VERSION:
        return f"signature {signature!r}: this release knows {MESSAGE_VERSION}"
    return f"arguments {sorted(unknown)}" if unknown else ""


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
