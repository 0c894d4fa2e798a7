"""Paths, headers and fresh trades for requests to a running API."""

from datetime import UTC, datetime
from itertools import count
from typing import NamedTuple

import httpx
from redis import Redis

from tests.support.builders import trade_json
from tradecapture.inbox import InboxReader

CAPTURE = "/api/v1/trades/capture"
BATCH = f"{CAPTURE}/batch"
JSON = {"Content-Type": "application/json"}
NDJSON = {"Content-Type": "application/x-ndjson"}
LANES = 4  # fewer than the default: a small deployment starts faster
RESPONSE_TIMEOUT_SECONDS = 20.0  # for one response, on a machine that is busy with other tests

_numbers = count(1)


class Deployment(NamedTuple):
    """A running API, its Redis, and a reader of its inboxes."""

    http: httpx.Client
    redis: "Redis"
    inbox: InboxReader

    def submit(self, body: bytes, **headers: str) -> httpx.Response:
        """Submit a trade; each underscore in a header's name is sent as a hyphen."""
        extra = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.post(CAPTURE, content=body, headers=JSON | extra)

    def trade(self, trade_id: str) -> httpx.Response:
        """Request the status of a trade."""
        return self.http.get(f"{CAPTURE}/{trade_id}")


def new_id() -> str:
    """Return a trade id that no test has used."""
    return f"API-{next(_numbers)}"


def new_trade(**changes: object) -> tuple[str, bytes]:
    """Return the id and the JSON of a trade that no test has submitted."""
    trade_id = new_id()
    return trade_id, trade_json(tradeId=trade_id, **changes)


def today() -> datetime:
    """Return the current time in UTC, as the API uses it."""
    return datetime.now(UTC)
