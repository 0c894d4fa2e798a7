"""Acceptance: appends trades to their inboxes, many in one round trip, and answers each of them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import structlog
from msgspec import structs
from redis import Redis
from redis.exceptions import RedisError

from tradecapture.connections.redis_client import pipeline_replies
from tradecapture.inbox.answers import (
    FullScope,
    make_receipt,
    number_argument,
    refuse_conflict,
    refuse_full,
    refuse_unavailable,
)
from tradecapture.inbox.backlog import Backlog
from tradecapture.inbox.entry import EntryFormat, encode_body
from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.scripts import Argument, Call, Safety, run_all
from tradecapture.settings import Settings
from tradecapture.trades.partition import PartitionKey, lane_of
from tradecapture.trades.receipt import Answer, Receipt, Refusal
from tradecapture.trades.submission import Submission

# Trades of one call. A call of 500 keeps Redis busy for about 2 ms; a batch of 10,000 in one call
# would keep everybody else waiting.
MAX_CALL_TRADES = 500
# A replica in the same data centre has a write after a millisecond. One that does not confirm a
# write within a second will not soon, and the submitter is told to retry.
MAX_REPLICATION_MS = 1000

log = structlog.get_logger(__name__)


class Acceptance(NamedTuple):
    """The answers to some submissions, in their order, and the lanes whose bell must be rung."""

    answers: list[Answer]
    lanes_to_ring: list[int]


def accept(
    redis: "Redis",
    settings: Settings,
    backlog: Backlog,
    entry_format: EntryFormat,
    submissions: Sequence[Submission],
) -> Acceptance:
    """Append trades to their inboxes, those of a partition in the given order.

    A trade that Redis cannot store, or for which there is no room, is refused; it may be sent
    again. After such a refusal no later trade of its partition is accepted.
    """
    if not submissions:
        return Acceptance([], [])
    try:
        existing_digests = read_digests(redis, settings.lanes, submissions)
        backlog.refresh()
        format_to_write = entry_format.current()
    except RedisError as error:
        return Acceptance([refuse_unavailable(each, error) for each in submissions], [])
    answers: dict[int, Answer] = {}
    indexes_by_lane: dict[int, list[int]] = defaultdict(list)
    for index, submission in enumerate(submissions):
        if existing_digests[index] not in (None, submission.digest):
            answers[index] = refuse_conflict(submission)
        else:
            indexes_by_lane[lane_of(submission.partition_key, settings.lanes)].append(index)
    batch = _Batch(redis, settings, backlog, format_to_write, submissions, answers)
    batch.append(indexes_by_lane, settings.limit_total - backlog.total)
    backlog.note_accepted(batch.accepted)
    new = [
        submission
        for index, submission in enumerate(submissions)
        if existing_digests[index] is None
        and not submission.replay_of
        and isinstance(answers[index], Receipt)
    ]
    try:
        write_digests(redis, settings.lanes, settings.idempotency_seconds, new)
    except RedisError as error:
        # The trades are safe. If one of their ids is used again, the ledger recognises it.
        log.warning("identities not written", trades=len(new), error=str(error))
    in_order = [answers[index] for index in range(len(submissions))]
    return Acceptance(in_order, sorted(batch.lanes_to_ring))


class _Batch:
    """The submissions of one `accept` on their way into their inboxes."""

    def __init__(
        self,
        redis: "Redis",
        settings: Settings,
        backlog: Backlog,
        entry_format: int,
        submissions: Sequence[Submission],
        answers: dict[int, Answer],
    ) -> None:
        self._redis, self._settings, self._backlog = redis, settings, backlog
        self._submissions, self._answers = submissions, answers
        self._format = entry_format
        # Each partition that had a trade refused, with the refusal of its first one.
        self._closed: dict[PartitionKey, Refusal] = {}
        self.lanes_to_ring: set[int] = set()
        self.accepted = 0  # new trades

    def append(self, indexes_by_lane: dict[int, list[int]], room: int) -> None:
        """Append submissions and answer them.

        Args:
            indexes_by_lane: the submissions' indexes; is emptied.
            room: how many trades the total limit leaves.
        """
        while indexes_by_lane:
            # One call a lane and round trip: the order of two calls in one trip is not certain.
            lanes = list(indexes_by_lane)
            parts = [indexes_by_lane[lane][:MAX_CALL_TRADES] for lane in lanes]
            calls = []
            for lane, indexes in zip(lanes, parts, strict=True):
                calls.append(self._call(lane, indexes, max(0, room)))
                room -= len(indexes)
            for lane, indexes, reply in zip(lanes, parts, self._send(calls), strict=True):
                rest = indexes_by_lane.pop(lane)[len(indexes) :]
                if isinstance(reply, Exception):
                    # Later trades of the lane must not overtake the refused ones.
                    for index in indexes + rest:
                        self._answers[index] = refuse_unavailable(self._submissions[index], reply)
                    continue
                self._read(lane, indexes, reply)
                if rest:
                    indexes_by_lane[lane] = rest

    def _call(self, lane: int, indexes: Iterable[int], room: int) -> Call:
        keys, settings = lane_keys(lane), self._settings
        trades = [self._submissions[index] for index in indexes]
        closed = self._closed and self._closed.keys() & {trade.partition_key for trade in trades}
        arguments: list[Argument] = [keys.prefix, settings.idempotency_seconds, bell_ms(settings)]
        arguments += (settings.limit_partition, settings.limit_lane, room)
        arguments += (settings.sequence_window, self._format, len(closed), *closed)
        for trade in trades:
            number = "" if trade.replay_of else number_argument(trade.sequence_number)
            body = encode_body(trade, self._format)
            arguments += (trade.partition_key, seen_id(trade), trade.digest, body, number)
        names = (keys.due, keys.positions, keys.epoch, keys.bell, keys.held, keys.backlog)
        return Call("accept", (*names, keys.upstream, keys.promoted, keys.began), arguments)

    def _send(self, calls: Sequence[Call]) -> Sequence[Any]:
        try:
            return run_all(self._redis, calls, safety(self._settings))
        except RedisError as error:
            return [error] * len(calls)

    def _read(self, lane: int, indexes: Iterable[int], reply: Sequence[Any]) -> None:
        """Turn the script's reply to one call into answers."""
        ring, *results = reply
        if ring:
            self.lanes_to_ring.add(lane)
        for index, (result, *facts) in zip(indexes, results, strict=True):
            submission = self._submissions[index]
            key = submission.partition_key
            if result in (b"accepted", b"duplicate"):
                duplicate = result == b"duplicate"
                self.accepted += not duplicate
                window = self._settings.sequence_window
                answer: Answer = make_receipt(submission, duplicate, facts, window)
            elif result == b"conflict":
                answer = refuse_conflict(submission)
            else:
                if key not in self._closed:
                    full = FullScope(result.decode(), *facts)
                    self._closed[key] = refuse_full(
                        submission, lane, full, self._backlog, self._settings
                    )
                answer = structs.replace(self._closed[key], trade_id=submission.trade_id)
            self._answers[index] = answer


def bell_ms(settings: Settings) -> int:
    """Return how long a bell counts as waiting, in milliseconds."""
    return round(settings.bell_seconds * 1000)


def safety(settings: Settings) -> Safety:
    """Return how many replicas must have a trade before it is answered as accepted."""
    # WAIT replies at its end, at the latest; the connection must not have timed out before.
    max_wait_ms = round(settings.connect_seconds * 500)
    return Safety(settings.safe_replicas, min(MAX_REPLICATION_MS, max_wait_ms))


def seen_id(submission: Submission) -> str:
    """Return the id under which the accept script remembers a submission.

    A replay has an id of its own: the same replay twice is one entry, and the trade keeps its first
    receipt. No trade id contains the character between the two parts.
    """
    if submission.replay_of:
        return f"{submission.trade_id}\x1freplay:{submission.replay_of}"
    return submission.trade_id


def read_digests(redis: "Redis", lanes: int, submissions: Sequence[Submission]) -> list[str | None]:
    """Return the digest of the trade that has each id; None: the id is new, or a replay.

    An id whose lane is out of reach counts as new: the ledger recognises it.

    Raises:
        RedisError: Redis is out of reach.
    """
    first_time = [submission for submission in submissions if not submission.replay_of]
    keys = [_identity_key(submission.trade_id, lanes) for submission in first_time]
    values = iter(pipeline_replies(redis, [("GET", key) for key in keys]))
    digests = (None if submission.replay_of else next(values) for submission in submissions)
    return [digest.decode() if isinstance(digest, bytes) else None for digest in digests]


def write_digests(
    redis: "Redis", lanes: int, window_seconds: int, submissions: Sequence[Submission]
) -> None:
    """Remember the digests of accepted trades by id, for the idempotency window.

    Raises:
        RedisError: Redis is out of reach.
    """
    pipeline = redis.pipeline(transaction=False)
    for submission in submissions:
        key = _identity_key(submission.trade_id, lanes)
        pipeline.set(key, submission.digest, nx=True, ex=window_seconds)
    pipeline.execute()


def _identity_key(trade_id: str, lanes: int) -> str:
    return lane_keys(lane_of(trade_id, lanes)).identity(trade_id)
