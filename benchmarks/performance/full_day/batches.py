"""Sends trades in batches, like a file: each batch until all of its trades are accepted."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from itertools import islice

import httpx
import msgspec
from msgspec import UNSET, Struct, UnsetType

from tradecapture.api.http.media_types import NDJSON
from tradecapture.api.http.paths import BASE, CAPTURE
from tradecapture.api.submission.bodies import BatchResult
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.receipt import RefusalCode

ANSWER_TIMEOUT_SECONDS = 60.0  # 10,000 trades take a second or two
RETRY_SECONDS = 1.0  # before a resend, if the answer names no time
# Statuses that ask to send the whole batch again, unless there is a result for each trade.
RETRYABLE_STATUSES = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
RETRYABLE_CODES = (RefusalCode.UNAVAILABLE, RefusalCode.PARTITION_FULL, RefusalCode.BACKLOG_FULL)


class SendResult(Struct):
    """What became of the trades of one connection."""

    accepted: int = 0
    refused: int = 0  # permanently
    unsent: int = 0  # given up after too long without room or without an answer
    retry_answers: int = 0  # answers that asked to send some or all trades again
    problem: str = ""  # the newest one


class Reply(Struct, frozen=True):
    """One answer to a batch."""

    job_id: str | None = None
    accepted: int = 0
    refused: int = 0
    again: Sequence[bytes] = ()  # trades to send again, in their order
    seconds: float = 0.0  # to wait before that
    problem: str = ""


class _Answer(Struct, rename="camel"):
    """The fields of a batch body and of a problem document."""

    job_id: str | None = None
    results: Sequence[BatchResult] | UnsetType = UNSET
    detail: str = ""


class BatchSender:
    """Sends batches over one connection, each after the previous one is accepted, to keep order."""

    def __init__(
        self, base_url: str, give_up_seconds: float, accepted: Callable[[str, int], object]
    ) -> None:
        """Prepare to send.

        Args:
            base_url: of the service.
            give_up_seconds: without one accepted trade, before giving up.
            accepted: called with each job id and its number of accepted trades.
        """
        self.result = SendResult()
        self._http = httpx.Client(base_url=base_url, timeout=ANSWER_TIMEOUT_SECONDS)
        self._give_up_seconds, self._accepted = give_up_seconds, accepted

    def send_all(self, trades: Iterator[bytes], batch: int, stop: threading.Event) -> SendResult:
        """Send trades in batches; end early when `stop` is set, or when nothing is accepted."""
        with self._http:
            while pending := list(islice(trades, batch)):
                self._send(pending, stop)
                if stop.is_set() or self.result.unsent:
                    break
        self.result.unsent += sum(1 for _ in trades)
        return self.result

    def _send(self, pending: Sequence[bytes], stop: threading.Event) -> None:
        give_up_at = time.monotonic() + self._give_up_seconds
        while pending:
            reply = self._request(pending)
            self.result.accepted += reply.accepted
            self.result.refused += reply.refused
            self.result.retry_answers += bool(reply.again)
            self.result.problem = reply.problem or self.result.problem
            if reply.job_id is not None:
                self._accepted(reply.job_id, reply.accepted)
                give_up_at = time.monotonic() + self._give_up_seconds
            pending = reply.again
            if pending and (time.monotonic() > give_up_at or stop.wait(reply.seconds)):
                self.result.unsent += len(pending)
                return

    def _request(self, trades: Sequence[bytes]) -> Reply:
        try:
            response = self._http.post(
                f"{BASE}{CAPTURE}/batch",
                content=b"\n".join(trades),
                headers={"Content-Type": NDJSON},
            )
        except httpx.HTTPError as error:
            return Reply(again=trades, seconds=RETRY_SECONDS, problem=f"no answer: {error}")
        try:
            wait = float(response.headers.get("Retry-After", ""))
        except ValueError:  # missing, or a date
            wait = RETRY_SECONDS
        return read_reply(response.status_code, response.content, trades, wait)


def read_reply(status: int, body: bytes, trades: Sequence[bytes], wait_seconds: float) -> Reply:
    """Return what an answer says of each trade. No I/O.

    Args:
        status: of the HTTP answer.
        body: of the HTTP answer.
        trades: of the batch.
        wait_seconds: before a resend, by the answer's headers.
    """
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        answer = _Answer(detail=body[:200].decode(errors="replace"))
    problem = "" if status == HTTPStatus.ACCEPTED else f"answered {status}: {answer.detail}"
    if isinstance(answer.results, UnsetType):
        if status in RETRYABLE_STATUSES:
            return Reply(again=trades, seconds=wait_seconds, problem=problem)
        return Reply(refused=len(trades), problem=problem)
    accepted, again, seconds = 0, [], 0.0
    for trade, result in zip(trades, answer.results, strict=True):
        if result.status == ExpectedOutcome.ACCEPTED:
            accepted += 1
        elif result.code in RETRYABLE_CODES:
            again.append(trade)
            retry_after = result.retry_after_seconds
            seconds = max(
                seconds, RETRY_SECONDS if isinstance(retry_after, UnsetType) else retry_after
            )
        else:
            problem = f"{result.status}: {result.message or result.code}"
    if accepted and answer.job_id is None:
        # Without a job they cannot be counted. A resend is harmless, and returns the job.
        return Reply(again=trades, seconds=RETRY_SECONDS, problem="a batch has no job")
    refused = len(trades) - accepted - len(again)
    return Reply(answer.job_id, accepted, refused, again, seconds, problem)
