"""Acceptance: trades go into their inboxes, many in one round trip, and each gets its answer."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog
from redis import Redis
from redis.exceptions import RedisError

from tradecapture.inbox.entry import encode_body
from tradecapture.inbox.identity import read_digests, write_digests
from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.scripts import Argument, Call, run_all
from tradecapture.receipt import Answer, Receipt, Refusal, RefusalCode
from tradecapture.routing import lane_of
from tradecapture.settings import Settings
from tradecapture.submission import Submission

# Trades an accept call, at most: a call of 500 keeps Redis busy for about 2 ms, so that others
# are not kept waiting by a batch of 10,000.
ACCEPT_TRADES = 500

log = structlog.get_logger(__name__)


class Acceptance(NamedTuple):
    """The answers to some submissions, in their order, and the lanes whose bell must be rung."""

    answers: list[Answer]
    ring: list[int]


def accept(redis: "Redis", settings: Settings, submissions: Sequence[Submission]) -> Acceptance:
    """Append trades to their inboxes, those of a partition in the order given.

    Redis trouble is a refusal of the trades that it concerns; a resend of them is harmless.
    """
    ids = [submission.trade_id for submission in submissions]
    try:
        known = read_digests(redis, settings.lanes, ids)
    except RedisError as error:
        return Acceptance([_unavailable(submission, error) for submission in submissions], [])
    answers: dict[int, Answer] = {}
    waiting: dict[int, list[int]] = defaultdict(list)
    for index, submission in enumerate(submissions):
        if known[index] not in (None, submission.digest):
            answers[index] = _conflict(submission)
        else:
            waiting[lane_of(submission.partition_key, settings.lanes)].append(index)
    ring = _append(redis, settings, submissions, waiting, answers)
    new = [
        submission
        for index, submission in enumerate(submissions)
        if known[index] is None and isinstance(answers[index], Receipt)
    ]
    try:
        write_digests(redis, settings.lanes, settings.idempotency_seconds, new)
    except RedisError as error:
        # The trades are safe. Should one of their ids be used again, the ledger will tell.
        log.warning("identities not written", trades=len(new), error=str(error))
    return Acceptance([answers[index] for index in range(len(submissions))], sorted(ring))


def bell_ms(settings: Settings) -> int:
    """Return how long a bell counts as waiting, in milliseconds."""
    return round(settings.bell_seconds * 1000)


def _append(
    redis: "Redis",
    settings: Settings,
    submissions: Sequence[Submission],
    waiting: dict[int, list[int]],
    answers: dict[int, Answer],
) -> set[int]:
    """Append the waiting submissions, lane -> indexes; return the lanes to ring."""
    ring: set[int] = set()
    while waiting:
        # One call a lane and round trip: the order of two calls in one trip is not certain.
        lanes = list(waiting)
        chosen = [waiting[lane][:ACCEPT_TRADES] for lane in lanes]
        calls = [
            _call(lane, [submissions[index] for index in indexes], settings)
            for lane, indexes in zip(lanes, chosen, strict=True)
        ]
        for lane, indexes, reply in zip(lanes, chosen, _run_all(redis, calls), strict=True):
            rest = waiting.pop(lane)[len(indexes) :]
            if isinstance(reply, Exception):
                # Later trades of the lane must not overtake the ones that were refused.
                for index in indexes + rest:
                    answers[index] = _unavailable(submissions[index], reply)
                continue
            if reply[0]:
                ring.add(lane)
            for index, verdict in zip(indexes, reply[1:], strict=True):
                answers[index] = _answer(submissions[index], verdict)
            if rest:
                waiting[lane] = rest
    return ring


def _call(lane: int, submissions: Sequence[Submission], settings: Settings) -> Call:
    keys = lane_keys(lane)
    arguments: list[Argument] = [keys.prefix, settings.idempotency_seconds, bell_ms(settings)]
    for submission in submissions:
        arguments += (
            submission.partition_key,
            submission.trade_id,
            submission.digest,
            encode_body(submission),
        )
    return Call("accept", (keys.due, keys.positions, keys.epoch, keys.bell, keys.held), arguments)


def _run_all(redis: "Redis", calls: Sequence[Call]) -> Sequence[Any]:
    try:
        return run_all(redis, calls)
    except RedisError as error:
        return [error] * len(calls)


def _answer(submission: Submission, reply: Sequence[bytes]) -> Answer:
    verdict, position, _epoch, accepted_ms = reply
    if verdict == b"conflict":
        return _conflict(submission)
    return Receipt(
        trade_id=submission.trade_id,
        partition_key=submission.partition_key,
        position=int(position),
        accepted_at=datetime.fromtimestamp(int(accepted_ms) / 1000, UTC),
        duplicate=verdict == b"duplicate",
    )


def _conflict(submission: Submission) -> Refusal:
    return Refusal(
        submission.trade_id,
        RefusalCode.CONFLICT,
        "a trade with this id and other content was accepted before; "
        "give the new trade an id of its own",
    )


def _unavailable(submission: Submission, error: Exception) -> Refusal:
    return Refusal(
        submission.trade_id,
        RefusalCode.UNAVAILABLE,
        f"the inbox did not store this trade ({error}); send it again, a resend is harmless",
    )
