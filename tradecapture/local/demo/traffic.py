"""The demo's traffic: sends trades over several HTTP connections and counts the answers."""

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

from tradecapture.local.demo.report import SendResult
from tradecapture.local.servers.ports import LOOPBACK
from tradecapture.trades.receipt import RefusalCode

CONNECTIONS = 8  # the API submits what arrives on them at the same time in one Redis round trip
SINGLES_PER_BATCH = 25  # single trades sent between two batches; about a tenth of all trades
BATCH_TRADES = 200
RESPONSE_TIMEOUT_SECONDS = 10.0  # a request without a response is sent again
RETRY_INTERVAL_SECONDS = 0.2
RETRY_TIMEOUT_SECONDS = 30.0  # after it a trade counts as unanswered

CAPTURE_PATH = "/api/v1/trades/capture"
RETRIED_STATUSES = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.SERVICE_UNAVAILABLE,
)
# The API refuses these trades now and may accept them later.
RETRIED_CODES = (RefusalCode.UNAVAILABLE, RefusalCode.PARTITION_FULL, RefusalCode.BACKLOG_FULL)


class Request(NamedTuple):
    """One request: a single trade or a batch."""

    trades: Sequence[bytes]
    due: float | None = None  # seconds after the start; None: as soon as a connection is free


class _TradeResult(Struct, rename="camel"):
    """The API's answer to one trade."""

    status: str
    trade_id: str | None = None
    duplicate: bool = False
    code: str = ""


class _BatchResponse(Struct):
    results: list[_TradeResult] = []


ACCEPTED = "ACCEPTED"
REFUSED = "REFUSED"
UNAVAILABLE = _TradeResult(REFUSED, code=RefusalCode.UNAVAILABLE)


def at_full_speed(trades: Iterable[bytes]) -> Iterator[Request]:
    """Return requests without a due time: batches, and single trades between them."""
    remaining = iter(trades)
    while singles := list(islice(remaining, SINGLES_PER_BATCH)):
        yield from (Request([trade]) for trade in singles)
        if batch := list(islice(remaining, BATCH_TRADES)):
            yield Request(batch)


def at_rate(trades: Iterable[bytes], trades_per_second: float) -> Iterator[Request]:
    """Return one request for each trade, due at a steady rate."""
    for number, trade in enumerate(trades):
        yield Request([trade], due=number / trades_per_second)


def send(
    requests: Iterable[Request],
    port: int,
    on_answers: Callable[[int], None],
    stop: threading.Event,
) -> SendResult:
    """Send requests over several connections and count what was answered.

    A trade's latency counts from the time at which its request was due, even if earlier requests
    delayed it. Without a due time it counts from its first sending.

    Args:
        requests: in their order.
        port: TCP port of the API on this machine.
        on_answers: called with the number of trades that were just answered.
        stop: ends the sending early.
    """
    pending: queue.SimpleQueue[Request] = queue.SimpleQueue()
    for request in requests:
        pending.put(request)
    started_at = time.time()

    def work() -> SendResult:
        connection = _Connection(port, stop)
        while not stop.is_set():
            try:
                request = pending.get_nowait()
            except queue.Empty:
                break
            sent_at = time.time()
            if request.due is not None:
                stop.wait(max(0.0, started_at + request.due - sent_at))
                sent_at = started_at + request.due
            connection.send(request.trades, sent_at)
            on_answers(len(request.trades))
        return connection.result

    with ThreadPoolExecutor(CONNECTIONS) as threads:
        parts = [threads.submit(work) for _ in range(CONNECTIONS)]
    return SendResult.sum(part.result() for part in parts)


class _Connection:
    """One HTTP connection and what was sent over it."""

    def __init__(self, port: int, stop: threading.Event) -> None:
        self.result = SendResult()
        self._http = HTTPConnection(LOOPBACK, port, timeout=RESPONSE_TIMEOUT_SECONDS)
        self._stop = stop

    def send(self, trades: Sequence[bytes], sent_at: float) -> None:
        """Send trades until each is answered; a resend is harmless."""
        self.result.submitted += len(trades)
        retry_until = time.monotonic() + RETRY_TIMEOUT_SECONDS
        while True:
            answers = self._request(trades)
            unanswered = []
            for trade, answer in zip(trades, answers, strict=True):
                if answer.code in RETRIED_CODES:
                    unanswered.append(trade)
                else:
                    self._count(answer, sent_at)
            trades = unanswered
            if not trades:
                return
            if time.monotonic() > retry_until or self._stop.wait(RETRY_INTERVAL_SECONDS):
                self.result.unanswered += len(trades)
                return

    def _count(self, answer: _TradeResult, sent_at: float) -> None:
        if answer.status != ACCEPTED or answer.trade_id is None:
            self.result.refused += 1
            return
        self.result.resent += answer.duplicate
        first_sent_at = self.result.sent_at.get(answer.trade_id, sent_at)
        self.result.sent_at[answer.trade_id] = min(first_sent_at, sent_at)

    def _request(self, trades: Sequence[bytes]) -> list[_TradeResult]:
        is_single = len(trades) == 1
        content_type = "application/json" if is_single else "application/x-ndjson"
        try:
            self._http.request(
                "POST",
                CAPTURE_PATH if is_single else f"{CAPTURE_PATH}/batch",
                b"\n".join(trades),
                {"Content-Type": content_type},
            )
            response = self._http.getresponse()
            body = response.read()
        except (OSError, HTTPException):
            self._http.close()
            return [UNAVAILABLE] * len(trades)
        return [_read_single(response, body)] if is_single else _read_batch(body, len(trades))


def _read_single(response: HTTPResponse, body: bytes) -> _TradeResult:
    if response.status in RETRIED_STATUSES:
        return UNAVAILABLE
    if response.status != HTTPStatus.ACCEPTED:
        return _TradeResult(REFUSED)
    answer = msgspec.json.decode(body, type=_TradeResult)
    answer.duplicate = response.getheader("Idempotency-Status") == "duplicate"
    return answer


def _read_batch(body: bytes, trades: int) -> list[_TradeResult]:
    # A problem with the whole batch has no results.
    results = msgspec.json.decode(body, type=_BatchResponse).results
    return results if len(results) == trades else [UNAVAILABLE] * trades
