"""The fleet's two tasks: capture a lane, and submit a trade for services that only have Celery."""

import random
from collections.abc import Mapping
from typing import Any

import structlog
from celery import Task, shared_task

from tradecapture.capture.bell import Bell
from tradecapture.capture.messages import (
    CAPTURE_TASK,
    MESSAGE_VERSION,
    MESSAGE_VERSION_HEADER,
    SUBMIT_TASK,
)
from tradecapture.trades.receipt import Refusal, RefusalCode
from workers import process

MAX_LANE_CHARACTERS = 50  # of a wrong lane in an error: a message may have any size
SUBMIT_RETRY_SECONDS = 2  # a restarted Redis usually answers by then
# The delay of a trade that needs a worker of a newer release. It is random: otherwise the message
# could return in step with this worker, which would always get it.
NEWER_RETRY_SECONDS = (1.0, 4.0)

log = structlog.get_logger(__name__)


class UnknownLaneError(ValueError):
    """A message names a lane that this deployment does not have. Nothing was done."""


class TradeRefusedError(ValueError):
    """A trade that was submitted as a Celery task is refused; the message says what to do."""


@shared_task(name=CAPTURE_TASK, bind=True, throws=(UnknownLaneError,))
def capture(task: Task, lane: int, *_newer: object, **_newer_named: object) -> dict[str, Any]:
    """Capture what is due in a lane; ring again if the time budget is spent before the end.

    Arguments of newer releases are ignored, because a capture of the lane is always harmless.

    Returns:
        The lane and its counts. Flower shows them as the task's result.

    Raises:
        UnknownLaneError: there is no such lane.
    """
    worker = process.current()
    _check_lane(lane, worker.settings.lanes)
    # Before the first claim, so that a trade that is accepted from now on rings again.
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


# If the process is killed, RabbitMQ delivers the message to another one.
@shared_task(name=SUBMIT_TASK, bind=True, max_retries=None, reject_on_worker_lost=True)
def submit(
    task: Task,
    trade: str | Mapping[str, Any],
    idempotency_key: str = "",
    correlation_id: str = "",
    callback_url: str = "",
    **unknown: object,
) -> dict[str, Any]:
    """Submit a trade.

    Until a worker has run this task, the trade is only in a Celery message. A Redis broker can lose
    a message: if a worker is killed after it took the message and before it recorded that, the
    message is gone. So services that can reach Redis or the API use `Client` or HTTP. Others ask
    for the trade's status and resend it until it is accepted, which is harmless. RabbitMQ loses no
    message if the sender waits for its confirm (docs/high-availability.md).

    A message of a newer version, or with unknown arguments, is retried until a worker of a newer
    release gets it. The arguments that this release does not know could make it another trade.

    Args:
        task: the task.
        trade: the trade's JSON as text, or a mapping whose decimals are text.
        idempotency_key: the sender's key of this submission; empty: none.
        correlation_id: returned with the trade's status; empty: none.
        callback_url: where the outcome will be sent; empty: nowhere.
        unknown: arguments of newer releases.

    Raises:
        TradeRefusedError: the trade is not valid, or its id was used for another trade.
    """
    if unsupported := _unsupported_part(task, unknown):
        log.warning("trade left for workers of a newer release", needs=unsupported)
        countdown = random.uniform(*NEWER_RETRY_SECONDS)  # noqa: S311 - no secret
        raise task.retry(countdown=countdown, exc=TradeRefusedError(unsupported))
    if isinstance(trade, Mapping) and _has_float(trade.get("tradeLots")):
        raise TradeRefusedError(
            "$.tradeLots holds a binary float, which may differ from the decimal that was meant: "
            "send decimals as text, or the whole trade as JSON text"
        )
    answer = process.client().submit(
        # Text that UTF-8 cannot encode is passed on unchanged, and refused with a reason.
        trade.encode(errors="surrogatepass") if isinstance(trade, str) else trade,
        idempotency_key=idempotency_key,
        correlation_id=correlation_id,
        callback_url=callback_url,
    )
    if not isinstance(answer, Refusal):
        return {"tradeId": answer.trade_id, "jobId": answer.job_id, "position": answer.position}
    if answer.code is RefusalCode.UNAVAILABLE or answer.code.is_full:
        # Nobody else would resend the trade: its sender does not wait.
        seconds = answer.retry_after_seconds or SUBMIT_RETRY_SECONDS
        raise task.retry(countdown=seconds, exc=TradeRefusedError(answer.message))
    raise TradeRefusedError(answer.message)


def _unsupported_part(task: Task, unknown: Mapping[str, object]) -> str:
    """Return the part of a message that this release does not support; empty: none."""
    version = (task.request.headers or {}).get(MESSAGE_VERSION_HEADER, MESSAGE_VERSION)
    if not isinstance(version, int) or version > MESSAGE_VERSION:
        return f"message version {version!r}: this release knows {MESSAGE_VERSION}"
    return f"arguments {sorted(unknown)}" if unknown else ""


def _check_lane(lane: object, lanes: int) -> None:
    """Refuse a value that is no lane: a message may hold anything, and it goes into Redis keys.

    Raises:
        UnknownLaneError: the message says which lanes there are.
    """
    # Not isinstance, because True is an int in Python.
    if type(lane) is not int or not 0 <= lane < lanes:
        raise UnknownLaneError(
            f"{repr(lane)[:MAX_LANE_CHARACTERS]} is no lane of this deployment: give a whole "
            f"number from 0 to {lanes - 1}. Nothing was done"
        )


def _has_float(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_float(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(_has_float(inner) for inner in value)
    return isinstance(value, float)
