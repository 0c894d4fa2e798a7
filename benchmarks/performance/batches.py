"""Batches: trades sent as a user sends a file, each batch until all of its trades are accepted."""

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

ANSWER_SECONDS = 60.0  # for one answer; 10,000 trades take a second or two
RETRY_SECONDS = 1.0  # before a resend where the answer names no time
# Answers that ask for a resend of the whole batch, unless they carry a result for each trade.
PASSING_ANSWERS = (
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
)
PASSING = (RefusalCode.UNAVAILABLE, RefusalCode.PARTITION_FULL, RefusalCode.BACKLOG_FULL)


class Sending(Struct):
    """What became of the trades of one connection."""

    accepted: int = 0
    refused: int = 0  # for good
    unsent: int = 0  # given up: no room, or no answer, for too long
    asked_to_wait: int = 0  # answers that asked for a resend, of some trades or all
    problem: str = ""  # the last one


class Reply(Struct, frozen=True):
    """One answer to a batch."""

    job_id: str | None = None
    accepted: int = 0
    refused: int = 0
    again: Sequence[bytes] = ()  # trades to be sent again, in their order
    seconds: float = 0.0  # before that
    problem: str = ""


class _Answer(Struct, rename="camel"):
    """What a batch body and a problem have in common."""

    job_id: str | None = None
    results: Sequence[BatchResult] | UnsetType = UNSET
    detail: str = ""


class BatchSender:
    """One connection. It sends a batch when the one before is accepted, so that order is kept."""

    def __init__(
        self, base_url: str, give_up_seconds: float, accepted: Callable[[str, int], object]
    ) -> None:
        """Prepare to send.

        Args:
            base_url: of the service.
            give_up_seconds: without one trade accepted.
            accepted: told of each job, and how many trades it has.
        """
        self.sending = Sending()
        self._http = httpx.Client(base_url=base_url, timeout=ANSWER_SECONDS)
        self._give_up_seconds, self._accepted = give_up_seconds, accepted

    def send_all(self, trades: Iterator[bytes], batch: int, stop: threading.Event) -> Sending:
        """Send trades in batches; end early when told so, or when nothing is accepted any more."""
        with self._http:
            while pending := list(islice(trades, batch)):
                self._send(pending, stop)
                if stop.is_set() or self.sending.unsent:
                    break
        self.sending.unsent += sum(1 for _ in trades)
        return self.sending

    def _send(self, pending: Sequence[bytes], stop: threading.Event) -> None:
        give_up_at = time.monotonic() + self._give_up_seconds
        while pending:
            reply = self._request(pending)
            self.sending.accepted += reply.accepted
            self.sending.refused += reply.refused
            self.sending.asked_to_wait += bool(reply.again)
            self.sending.problem = reply.problem or self.sending.problem
            if reply.job_id is not None:
                self._accepted(reply.job_id, reply.accepted)
                give_up_at = time.monotonic() + self._give_up_seconds
            pending = reply.again
            if pending and (time.monotonic() > give_up_at or stop.wait(reply.seconds)):
                self.sending.unsent += len(pending)
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
    """Return what an answer says of each trade. Pure.

    Args:
        status: of the HTTP answer.
        body: of the HTTP answer.
        trades: that were sent.
        wait_seconds: before a resend, by the answer's headers.
    """
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except msgspec.DecodeError:
        answer = _Answer(detail=body[:200].decode(errors="replace"))
    problem = "" if status == HTTPStatus.ACCEPTED else f"answered {status}: {answer.detail}"
    if isinstance(answer.results, UnsetType):
        if status in PASSING_ANSWERS:
            return Reply(again=trades, seconds=wait_seconds, problem=problem)
        return Reply(refused=len(trades), problem=problem)
    accepted, again, seconds = 0, [], 0.0
    for trade, result in zip(trades, answer.results, strict=True):
        if result.status == ExpectedOutcome.ACCEPTED:
            accepted += 1
        elif result.code in PASSING:
            again.append(trade)
            asked = result.retry_after_seconds
            seconds = max(seconds, RETRY_SECONDS if isinstance(asked, UnsetType) else asked)
        else:
            problem = f"{result.status}: {result.message or result.code}"
    if accepted and answer.job_id is None:
        # Their count cannot be asked for. A resend changes nothing, and brings the job.
        return Reply(again=trades, seconds=RETRY_SECONDS, problem="a batch has no job")
    refused = len(trades) - accepted - len(again)
    return Reply(answer.job_id, accepted, refused, again, seconds, problem)
