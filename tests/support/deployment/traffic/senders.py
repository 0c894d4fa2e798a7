"""Senders: how traffic reaches a deployment, in this process or over HTTP; each answer a value."""

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
ANSWER_SECONDS = 10.0  # for one answer; after it the request is sent again
RETRY_SECONDS = 0.1  # before a resend, where the answer names no other time
# The contract tells clients to send again after these; anything else would be an error.
RETRIED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)
# Refusals that no resend changes.
FINAL = (RefusalCode.INVALID, RefusalCode.CONFLICT)


class Trade(NamedTuple):
    """A trade as it is sent, and as it is read."""

    body: bytes
    submission: Submission


class Reply(NamedTuple):
    """The answer to one trade."""

    said: Said
    position: int | None = None
    detail: str = ""
    retry_seconds: float = RETRY_SECONDS  # before it is sent again, where that is unknown
    is_error: bool = False  # an answer that the contract does not know


class Sender(Protocol):
    """Sends trades, one answer each. One a thread."""

    def send(self, trades: Sequence[Trade]) -> list[Reply]:
        """Send trades of different partitions together."""

    def close(self) -> None:
        """Close what it has opened."""


class GatewaySender:
    """Sends through a gateway in this process."""

    def __init__(self, gateway: Gateway) -> None:
        """Use a gateway, which other senders may use too."""
        self._gateway = gateway

    def send(self, trades: Sequence[Trade]) -> list[Reply]:
        """Send trades together."""
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
        """Leave the gateway open: its maker closes it."""


class HttpSender:
    """Sends to one or several APIs; to the next one where one does not answer."""

    def __init__(self, urls: Sequence[str], first: int = 0) -> None:
        """Prepare to send.

        Args:
            urls: of the APIs.
            first: index of the one to begin with.
        """
        self._urls, self._current = urls, first
        self._http = httpx.Client(timeout=ANSWER_SECONDS)

    def send(self, trades: Sequence[Trade]) -> list[Reply]:
        """Send a trade by itself, or several as a batch."""
        single = len(trades) == 1
        kind = "application/json" if single else "application/x-ndjson"
        url = self._urls[self._current % len(self._urls)]
        try:
            response = self._http.post(
                url + (CAPTURE if single else f"{CAPTURE}/batch"),
                content=b"\n".join(trade.body for trade in trades),
                headers={"Content-Type": kind},
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
                is_error=after is None,  # the contract promises it
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
    # Where only the moment was wrong the client sends again; Redis may even have kept the trade.
    return Reply(Said.REFUSED if code in FINAL else Said.UNKNOWN, detail=detail)
