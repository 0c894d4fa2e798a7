"""Sends trades through a gateway or over HTTP, and turns each answer into a `Reply`."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, NamedTuple, Protocol

import httpx
from redis.exceptions import RedisError

from tests.support.history.event import Said
from tradecapture.capture.gateway import Gateway
from tradecapture.trades.receipt import Receipt, RefusalCode
from tradecapture.trades.submission import Submission

CAPTURE = "/api/v1/trades/capture"
ANSWER_TIMEOUT_SECONDS = 10.0  # after it the request is sent again
RETRY_SECONDS = 0.1  # before a resend, if the answer names no other time
# The HTTP contract tells clients to send again after these statuses, and after no other.
RETRIED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
# Refusals that stay the same however often the trade is sent.
FINAL = (RefusalCode.INVALID, RefusalCode.CONFLICT)


class Trade(NamedTuple):
    """A trade as bytes and as the submission they contain."""

    body: bytes
    submission: Submission


class Reply(NamedTuple):
    """The answer to one trade."""

    said: Said
    position: int | None = None
    detail: str = ""
    retry_seconds: float = RETRY_SECONDS  # before the trade is sent again, if `said` is unknown
    is_error: bool = False  # whether the contract does not allow this answer


class Sender(Protocol):
    """Sends trades and returns one reply for each. Each thread has its own sender."""

    def send(self, trades: Sequence[Trade]) -> list[Reply]:
        """Send trades of different partitions together."""

    def close(self) -> None:
        """Close the connections that it has opened."""


class GatewaySender:
    """Sends through a gateway in this process."""

    def __init__(self, gateway: Gateway) -> None:
        """Use a gateway, which may be shared with other senders."""
        self._gateway = gateway

    def send(self, trades: Sequence[Trade]) -> list[Reply]:
        """Send trades in one call."""
        try:
            answers = self._gateway.accept([trade.submission for trade in trades])
        except RedisError as error:
            return [Reply(Said.UNKNOWN, detail=str(error), is_error=True)] * len(trades)
        return [
            Reply(Said.ACCEPTED, position=answer.position)
            if isinstance(answer, Receipt)
            else _refused(answer.code, answer.message)
            for answer in answers
        ]

    def close(self) -> None:
        """Leave the gateway open; its creator closes it."""


class HttpSender:
    """Sends over HTTP to one of several APIs, and to the next one when that does not answer."""

    def __init__(self, urls: Sequence[str], first: int = 0) -> None:
        """Prepare to send.

        Args:
            urls: of the APIs.
            first: index of the API to begin with.
        """
        self._urls, self._current = urls, first
        self._http = httpx.Client(timeout=ANSWER_TIMEOUT_SECONDS)

    def send(self, trades: Sequence[Trade]) -> list[Reply]:
        """Send one trade by itself, or several as a batch."""
        single = len(trades) == 1
        media_type = "application/json" if single else "application/x-ndjson"
        url = self._urls[self._current % len(self._urls)]
        try:
            response = self._http.post(
                url + (CAPTURE if single else f"{CAPTURE}/batch"),
                content=b"\n".join(trade.body for trade in trades),
                headers={"Content-Type": media_type},
            )
        except httpx.TransportError as error:
            self._current += 1
            return [Reply(Said.UNKNOWN, detail=f"{type(error).__name__}: {error}")] * len(trades)
        if response.status_code in RETRIED:
            self._current += 1
            after = response.headers.get("Retry-After")
            reply = Reply(
                Said.UNKNOWN,
                detail=response.text,
                retry_seconds=float(after or RETRY_SECONDS),
                is_error=after is None,  # the contract promises the header
            )
            return [reply] * len(trades)
        results = _results(response, single=single)
        if len(results) != len(trades):
            detail = f"{response.status_code}: {response.text}"
            return [Reply(Said.UNKNOWN, detail=detail, is_error=True)] * len(trades)
        return [_reply(result) for result in results]

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


def _results(response: httpx.Response, *, single: bool) -> list[dict[str, Any]]:
    if response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return []
    body = response.json()
    return [body] if single else body.get("results", [])


def _reply(result: dict[str, Any]) -> Reply:
    if result.get("status") == "ACCEPTED":
        return Reply(Said.ACCEPTED, position=result.get("position"))
    problem = result.get("error", result)
    return _refused(problem.get("code", ""), str(result))


def _refused(code: str, detail: str) -> Reply:
    # After any other refusal the client sends again; Redis may have stored the trade nevertheless.
    return Reply(Said.REFUSED if code in FINAL else Said.UNKNOWN, detail=detail)
