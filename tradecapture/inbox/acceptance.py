"""Acceptance: trades go into their inboxes, many in one round trip, and each gets its answer."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import structlog
from msgspec import structs
from redis import Redis
from redis.exceptions import RedisError

from tradecapture.connections.redis_client import pipeline_replies
from tradecapture.inbox.answers import Full, as_argument, conflict, receipt, refuse, unavailable
from tradecapture.inbox.backlog import Backlog
from tradecapture.inbox.entry import EntryFormat, encode_body
from tradecapture.inbox.keys import lane_keys
from tradecapture.inbox.scripts import Argument, Call, Safety, run_all
from tradecapture.settings import Settings
from tradecapture.trades.partition import PartitionKey, lane_of
from tradecapture.trades.receipt import Answer, Receipt, Refusal
from tradecapture.trades.submission import Submission


def seen_id(submission: Submission) -> str:
    """Return the id under which the accept script remembers a submission.

    A replay has one of its own: the same replay twice is one entry, and the first receipt of the
    trade stays as it is. No trade id holds the character that sets them apart.
    """
    if submission.replay_of:
        return f"{submission.trade_id}\x1freplay:{submission.replay_of}"
    return submission.trade_id


def read_digests(redis: "Redis", lanes: int, submissions: Sequence[Submission]) -> list[str | None]:
    """Return the digest that each trade id stands for; None: it was not used, or is replayed.

    An id whose lane is out of reach counts as not used: the ledger would tell.

    Raises:
        RedisError: Redis is out of reach.
    """
    first_time = [submission for submission in submissions if not submission.replay_of]
    keys = [_key(submission.trade_id, lanes) for submission in first_time]
    values = iter(pipeline_replies(redis, [("GET", key) for key in keys]))
    found = (None if submission.replay_of else next(values) for submission in submissions)
    return [value.decode() if isinstance(value, bytes) else None for value in found]


def write_digests(
    redis: "Redis", lanes: int, window_seconds: int, submissions: Sequence[Submission]
) -> None:
    """Remember what accepted trades' ids stand for, for the length of the idempotency window.

    Raises:
        RedisError: Redis is out of reach.
    """
    pipeline = redis.pipeline(transaction=False)
    for submission in submissions:
        key = _key(submission.trade_id, lanes)
        pipeline.set(key, submission.digest, nx=True, ex=window_seconds)
    pipeline.execute()


def _key(trade_id: str, lanes: int) -> str:
    return lane_keys(lane_of(trade_id, lanes)).identity(trade_id)


# Trades an accept call, at most: a call of 500 keeps Redis busy for about 2 ms, so that others
# are not kept waiting by a batch of 10,000.
ACCEPT_TRADES = 500
# A replica in the same data centre has a write after a millisecond; one that does not answer within
# a second will not soon, and the submitter is told to come back.
REPLICAS_MS = 1000

log = structlog.get_logger(__name__)


class Acceptance(NamedTuple):
    """The answers to some submissions, in their order, and the lanes whose bell must be rung."""

    answers: list[Answer]
    ring: list[int]


def accept(
    redis: "Redis",
    settings: Settings,
    backlog: Backlog,
    entry_format: EntryFormat,
    submissions: Sequence[Submission],
) -> Acceptance:
    """Append trades to their inboxes, those of a partition in the order given.

    Redis trouble is a refusal of the trades that it concerns, and so is a full backlog; a resend
    of them is harmless. Behind a trade that was refused for either, none of its partition is
    accepted.
    """
    if not submissions:
        return Acceptance([], [])
    try:
        known = read_digests(redis, settings.lanes, submissions)
        backlog.look()
        written = entry_format.look()
    except RedisError as error:
        return Acceptance([unavailable(submission, error) for submission in submissions], [])
    answers: dict[int, Answer] = {}
    waiting: dict[int, list[int]] = defaultdict(list)
    for index, submission in enumerate(submissions):
        if known[index] not in (None, submission.digest):
            answers[index] = conflict(submission)
        else:
            waiting[lane_of(submission.partition_key, settings.lanes)].append(index)
    appending = _Appending(redis, settings, backlog, written, submissions, answers)
    appending.run(waiting, settings.limit_total - backlog.total)
    backlog.note_accepted(appending.accepted)
    new = [
        submission
        for index, submission in enumerate(submissions)
        if known[index] is None and not submission.replay_of and isinstance(answers[index], Receipt)
    ]
    try:
        write_digests(redis, settings.lanes, settings.idempotency_seconds, new)
    except RedisError as error:
        # The trades are safe. Should one of their ids be used again, the ledger will tell.
        log.warning("identities not written", trades=len(new), error=str(error))
    answered = [answers[index] for index in range(len(submissions))]
    return Acceptance(answered, sorted(appending.ring))


def bell_ms(settings: Settings) -> int:
    """Return how long a bell counts as waiting, in milliseconds."""
    return round(settings.bell_seconds * 1000)


def safety(settings: Settings) -> Safety:
    """Return which replicas must have a trade before it is answered as accepted."""
    # WAIT answers at its end; the connection must still be waiting for it.
    return Safety(settings.safe_replicas, min(REPLICAS_MS, round(settings.connect_seconds * 500)))


class _Appending:
    """The submissions of one call on their way into their inboxes."""

    def __init__(
        self,
        redis: "Redis",
        settings: Settings,
        backlog: Backlog,
        written: int,
        submissions: Sequence[Submission],
        answers: dict[int, Answer],
    ) -> None:
        self._redis, self._settings, self._backlog = redis, settings, backlog
        self._submissions, self._answers = submissions, answers
        self._format = written  # of the entries
        self._closed: dict[PartitionKey, Refusal] = {}  # how its first trade was refused
        self.ring: set[int] = set()
        self.accepted = 0  # trades that were new

    def run(self, waiting: dict[int, list[int]], room: int) -> None:
        """Append the waiting submissions, lane -> indexes, while there is room for so many."""
        while waiting:
            # One call a lane and round trip: the order of two calls in one trip is not certain.
            lanes = list(waiting)
            chosen = [waiting[lane][:ACCEPT_TRADES] for lane in lanes]
            calls = []
            for lane, indexes in zip(lanes, chosen, strict=True):
                calls.append(self._call(lane, indexes, max(0, room)))
                room -= len(indexes)
            for lane, indexes, reply in zip(lanes, chosen, self._send(calls), strict=True):
                rest = waiting.pop(lane)[len(indexes) :]
                if isinstance(reply, Exception):
                    # Later trades of the lane must not overtake the ones that were refused.
                    for index in indexes + rest:
                        self._answers[index] = unavailable(self._submissions[index], reply)
                    continue
                self._note(lane, indexes, reply)
                if rest:
                    waiting[lane] = rest

    def _call(self, lane: int, indexes: Iterable[int], room: int) -> Call:
        keys, settings = lane_keys(lane), self._settings
        trades = [self._submissions[index] for index in indexes]
        closed = self._closed and self._closed.keys() & {trade.partition_key for trade in trades}
        arguments: list[Argument] = [keys.prefix, settings.idempotency_seconds, bell_ms(settings)]
        arguments += (settings.limit_partition, settings.limit_lane, room)
        arguments += (settings.sequence_window, self._format, len(closed), *closed)
        for trade in trades:
            number = "" if trade.replay_of else as_argument(trade.sequence_number)
            body = encode_body(trade, self._format)
            arguments += (trade.partition_key, seen_id(trade), trade.digest, body, number)
        names = (keys.due, keys.positions, keys.epoch, keys.bell, keys.held, keys.backlog)
        return Call("accept", (*names, keys.upstream, keys.promoted, keys.began), arguments)

    def _send(self, calls: Sequence[Call]) -> Sequence[Any]:
        try:
            return run_all(self._redis, calls, safety(self._settings))
        except RedisError as error:
            return [error] * len(calls)

    def _note(self, lane: int, indexes: Iterable[int], reply: Sequence[Any]) -> None:
        ring, *verdicts = reply
        if ring:
            self.ring.add(lane)
        for index, (verdict, *facts) in zip(indexes, verdicts, strict=True):
            submission = self._submissions[index]
            key = submission.partition_key
            if verdict in (b"accepted", b"duplicate"):
                duplicate = verdict == b"duplicate"
                self.accepted += not duplicate
                window = self._settings.sequence_window
                answer: Answer = receipt(submission, duplicate, facts, window)
            elif verdict == b"conflict":
                answer = conflict(submission)
            else:
                if key not in self._closed:
                    full = Full(verdict.decode(), *facts)
                    self._closed[key] = refuse(
                        submission, lane, full, self._backlog, self._settings
                    )
                answer = structs.replace(self._closed[key], trade_id=submission.trade_id)
            self._answers[index] = answer
