"""The demo's traffic: trades over HTTP on several connections, and what each was answered."""

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import islice
from typing import NamedTuple

import msgspec
from msgspec import Struct

from tradecapture.local.demo.report import Sending
from tradecapture.local.servers.ports import LOOPBACK
from tradecapture.trades.receipt import RefusalCode

CONNECTIONS = 8  # at a time; the API gathers what arrives together into one Redis round trip
SINGLES_A_ROUND = 25  # trades sent one by one, between two batches; a tenth of all
BATCH_TRADES = 200
ANSWER_SECONDS = 10.0  # for one answer; a request that is not answered is sent again
GIVE_UP_SECONDS = 30.0  # of trying again
RETRY_SECONDS = 0.2  # between two attempts

RETRIED = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
CAPTURE = "/api/v1/trades/capture"


class Job(NamedTuple):
    """One request: a trade by itself or a batch."""

    trades: Sequence[bytes]
    due: float | None = None  # seconds after the beginning; None: as soon as a connection is free


class _Result(Struct, rename="camel"):
    """The answer to one trade."""

    status: str
    trade_id: str | None = None
    duplicate: bool = False
    code: str = ""


class _Results(Struct):
    results: list[_Result] = []


ACCEPTED = "ACCEPTED"
REFUSED = "REFUSED"
AGAIN = _Result(REFUSED, code=RefusalCode.UNAVAILABLE)
# Refusals of a trade that is welcome later.
PASSING = (RefusalCode.UNAVAILABLE, RefusalCode.PARTITION_FULL, RefusalCode.BACKLOG_FULL)


def at_full_speed(trades: Iterable[bytes]) -> Iterator[Job]:
    """Return requests to be sent as fast as they are answered: batches, and single trades."""
    remaining = iter(trades)
    while single := list(islice(remaining, SINGLES_A_ROUND)):
        yield from (Job([trade]) for trade in single)
        if batch := list(islice(remaining, BATCH_TRADES)):
            yield Job(batch)


def at_a_pace(trades: Iterable[bytes], trades_a_second: float) -> Iterator[Job]:
    """Return a request a trade, each due at its time."""
    for number, trade in enumerate(trades):
        yield Job([trade], due=number / trades_a_second)


def send(
    jobs: Iterable[Job], port: int, progress: Callable[[int], None], stop: threading.Event
) -> Sending:
    """Send requests over several connections and return what was answered.

    The time of a trade counts from the moment at which it was due: a request that is kept waiting
    by others is not counted as quick. One that has no time counts from its first sending.

    Args:
        jobs: the requests, in their order.
        port: of the API on this machine.
        progress: told of how many trades were answered just now.
        stop: ends the sending early.
    """
    waiting: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        waiting.put(job)
    beginning = time.time()

    def work() -> Sending:
        sender = _Sender(port, stop)
        while not stop.is_set():
            try:
                job = waiting.get_nowait()
            except queue.Empty:
                break
            sent_at = time.time()
            if job.due is not None:
                stop.wait(max(0.0, beginning + job.due - sent_at))
                sent_at = beginning + job.due
            sender.send(job, sent_at)
            progress(len(job.trades))
        return sender.sending

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        parts = [threads.submit(work) for _ in range(CONNECTIONS)]
    return Sending.sum(part.result() for part in parts)


class _Sender:
    """One connection."""

    def __init__(self, port: int, stop: threading.Event) -> None:
        self.sending = Sending()
        self._connection = HTTPConnection(LOOPBACK, port, timeout=ANSWER_SECONDS)
        self._stop = stop

    def send(self, job: Job, sent_at: float) -> None:
        """Send a request until each of its trades has an answer; a resend is harmless."""
        self.sending.submitted += len(job.trades)
        trades = job.trades
        give_up = time.monotonic() + GIVE_UP_SECONDS
        while True:
            results = self._request(trades)
            pending = []
            for trade, result in zip(trades, results, strict=True):
                if result.code in PASSING:
                    pending.append(trade)
                else:
                    self._note(result, sent_at)
            trades = pending
            if not trades:
                return
            if time.monotonic() > give_up or self._stop.wait(RETRY_SECONDS):
                self.sending.unanswered += len(trades)
                return

    def _note(self, result: _Result, sent_at: float) -> None:
        if result.status != ACCEPTED or result.trade_id is None:
            self.sending.refused += 1
            return
        self.sending.resent += result.duplicate
        earlier = self.sending.sent_at.get(result.trade_id, sent_at)
        self.sending.sent_at[result.trade_id] = min(earlier, sent_at)

    def _request(self, trades: Sequence[bytes]) -> list[_Result]:
        single = len(trades) == 1
        kind = "application/json" if single else "application/x-ndjson"
        try:
            self._connection.request(
                "POST",
                CAPTURE if single else f"{CAPTURE}/batch",
                b"\n".join(trades),
                {"Content-Type": kind},
            )
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            self._connection.close()
            return [AGAIN] * len(trades)
        return [_single(response, body)] if single else _batch(body, len(trades))


def _single(response: HTTPResponse, body: bytes) -> _Result:
    if response.status in RETRIED:
        return AGAIN
    if response.status != HTTPStatus.ACCEPTED:
        return _Result(REFUSED)
    result = msgspec.json.decode(body, type=_Result)
    result.duplicate = response.getheader("Idempotency-Status") == "duplicate"
    return result


def _batch(body: bytes, trades: int) -> list[_Result]:
    # A problem that concerns the whole batch carries no results.
    results = msgspec.json.decode(body, type=_Results).results
    return results if len(results) == trades else [AGAIN] * trades
