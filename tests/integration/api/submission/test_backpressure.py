"""If too many trades wait, the API answers 429 or 503 with Retry-After and stores nothing."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.support.api.api_in_process import InProcessApi, run_in_process
from tests.support.api.problems import problem_of
from tests.support.api.requests import BATCH, CAPTURE, JSON
from tests.support.builders import trade_json
from tests.support.capture.worker import ONE, TWO, ids
from tradecapture.settings import Settings

Limited = Callable[..., InProcessApi]


@pytest.fixture
def limited(redis: "Redis", ledger_settings: Settings) -> Iterator[Limited]:
    """Return a function that runs an API and a worker with these limits."""
    with ExitStack() as running:
        yield lambda **limits: running.enter_context(
            run_in_process(redis, replace(ledger_settings, **limits))
        )


def body_of(trade_id: str) -> bytes:
    """Return the JSON of a trade whose id begins with its book."""
    return trade_json(tradeId=trade_id, bookId=trade_id.partition("-")[0])


def send(in_process_api: InProcessApi, trade_id: str) -> httpx.Response:
    """Submit a trade."""
    return in_process_api.http.post(CAPTURE, content=body_of(trade_id), headers=JSON)


def send_batch(in_process_api: InProcessApi, *trade_ids: str) -> httpx.Response:
    """Submit trades together."""
    body = b"[" + b",".join(map(body_of, trade_ids)) + b"]"
    return in_process_api.http.post(BATCH, content=body, headers=JSON)


def check_full(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """Check that a response refuses a trade and has Retry-After; return its problem."""
    problem = problem_of(response, status, code)
    seconds = int(response.headers["retry-after"])
    assert 1 <= seconds <= 60
    return problem


def test_a_full_partition_is_429_and_the_others_go_on(limited: Limited) -> None:
    """A trade without room is a 429 and not stored; it is accepted once others are captured."""
    in_process_api = limited(limit_partition=3)
    for trade_id in ids("B1", 3):
        assert send(in_process_api, trade_id).status_code == 202
    problem = check_full(send(in_process_api, "B1-4"), 429, "PARTITION_BACKLOG_FULL")
    assert ONE in problem["detail"]
    assert "nothing of this trade was kept" in problem["detail"]
    assert in_process_api.http.get(f"{CAPTURE}/B1-4").status_code == 404
    again = send(in_process_api, "B1-3")
    assert (again.status_code, again.headers["idempotency-status"]) == (202, "duplicate")
    assert send(in_process_api, "B2-1").status_code == 202
    in_process_api.worker.drain()
    assert send(in_process_api, "B1-4").status_code == 202
    in_process_api.worker.drain()
    assert in_process_api.worker.captured() == {ONE: ids("B1", 4), TWO: ids("B2", 1)}
    in_process_api.worker.assert_all_is_accounted_for()


@pytest.mark.parametrize("limit", ["limit_lane", "limit_total"])
def test_a_full_backlog_is_503(limited: Limited, limit: str) -> None:
    """A full lane or fleet is a 503 for any new trade; a resend of a waiting trade is a 202."""
    in_process_api = limited(**{limit: 2})
    assert (
        send(in_process_api, "B1-1").status_code == send(in_process_api, "B2-1").status_code == 202
    )
    for trade_id in ("B1-2", "B3-1"):
        check_full(send(in_process_api, trade_id), 503, "BACKLOG_FULL")
    assert send(in_process_api, "B1-1").status_code == 202
    in_process_api.worker.drain()
    deadline = time.monotonic() + 20
    # The API counts the trades of all lanes four times a second.
    while send(in_process_api, "B1-2").status_code != 202:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_each_trade_of_a_batch_is_told_when_to_come_again(limited: Limited) -> None:
    """A batch's trades with room are accepted; the refused ones have `retryAfterSeconds`."""
    in_process_api = limited(limit_partition=2)
    response = send_batch(in_process_api, *ids("B1", 3), "B2-1", "B1-4")
    assert response.status_code == 202
    answer = response.json()
    assert (answer["acceptedTrades"], answer["refusedTrades"]) == (3, 2)
    statuses = [result["status"] for result in answer["results"]]
    assert statuses == ["ACCEPTED", "ACCEPTED", "REFUSED", "ACCEPTED", "REFUSED"]
    for index in (2, 4):
        result = answer["results"][index]
        assert result["code"] == "PARTITION_BACKLOG_FULL"
        assert 1 <= result["retryAfterSeconds"] <= 60
        assert "jobId" not in result
    assert "retryAfterSeconds" not in answer["results"][0]


def test_a_batch_without_room_is_answered_like_a_trade(limited: Limited) -> None:
    """A batch without room is a 429 or a 503, as a trade is, with the result of each trade."""
    in_process_api = limited(limit_partition=1, limit_lane=2)
    assert send(in_process_api, "B1-1").status_code == 202
    problem = check_full(send_batch(in_process_api, "B1-2", "B1-3"), 429, "PARTITION_BACKLOG_FULL")
    assert [result["status"] for result in problem["results"]] == ["REFUSED"] * 2
    assert send(in_process_api, "B2-1").status_code == 202
    problem = check_full(send_batch(in_process_api, "B3-1", "B3-2"), 503, "BACKLOG_FULL")
    assert [result["code"] for result in problem["results"]] == ["BACKLOG_FULL"] * 2


def test_a_held_partition_that_is_full_says_so(limited: Limited) -> None:
    """A full partition that is held has a Retry-After of a minute, and the detail says why."""
    in_process_api = limited(limit_partition=1)
    assert send(in_process_api, "B1-1").status_code == 202
    in_process_api.perform(ONE, "pause")
    response = send(in_process_api, "B1-2")
    assert "which is held" in check_full(response, 429, "PARTITION_BACKLOG_FULL")["detail"]
    assert response.headers["retry-after"] == "60"
    in_process_api.perform(ONE, "resume")
    in_process_api.worker.drain()
    assert send(in_process_api, "B1-2").status_code == 202


def test_retry_after_follows_the_measured_drain(limited: Limited) -> None:
    """Retry-After is 2 s without a rate, 60 s if nothing drains, and short once trades drain."""
    in_process_api = limited(limit_total=20)

    def retry_after() -> int:
        response = send_batch(in_process_api, "B9-1")
        check_full(response, 503, "BACKLOG_FULL")
        return int(response.headers["retry-after"])

    assert send_batch(in_process_api, *ids("B1", 20)).json()["acceptedTrades"] == 20
    assert retry_after() == 2
    time.sleep(1.3)  # longer than the API needs to measure a rate
    assert retry_after() == 60
    in_process_api.worker.drain()
    time.sleep(0.3)  # longer than the API caches the lanes' backlog
    assert send_batch(in_process_api, *ids("B2", 20)).json()["acceptedTrades"] == 20
    time.sleep(0.3)
    assert retry_after() < 10
