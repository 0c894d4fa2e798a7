"""The batcher, which sends concurrent submissions to Redis together, in order of arrival."""

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.support.api.requests import CAPTURE, RESPONSE_TIMEOUT_SECONDS, Deployment, new_trade
from tests.support.builders import partition_of, submissions
from tradecapture.api.service.batching import SubmissionBatcher, TooManyPendingError
from tradecapture.trades.receipt import Answer, Receipt
from tradecapture.trades.submission import Submission

REQUESTS = 200


def receipts(trades: Sequence[Submission]) -> list[Answer]:
    """Answer each trade with a receipt."""
    now = datetime.now(UTC)
    return [Receipt(trade.trade_id, trade.partition_key, 1, now, False) for trade in trades]


def script_calls(deployment: Deployment) -> int:
    """Return how many scripts Redis has run."""
    statistics: dict[str, Any] = deployment.redis.info("commandstats")
    calls: int = statistics.get("cmdstat_evalsha", {}).get("calls", 0)
    return calls


def test_concurrent_requests_share_round_trips(quiet: Deployment) -> None:
    """Concurrent requests need at most one round trip to Redis per five requests."""
    bodies = [new_trade(bookId="BATCHED")[1] for _ in range(REQUESTS)]

    async def submit_all() -> list[bytes]:
        host, port = quiet.http.base_url.host, quiet.http.base_url.port
        connections = [await asyncio.open_connection(host, port) for _ in bodies]
        # Send all requests before reading a response. An HTTP client would be slower than the API.
        for (_, writer), body in zip(connections, bodies, strict=True):
            head = f"POST {CAPTURE} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(body)}\r\n"
            writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n" + body)
        answers = [await reader.readline() for reader, _ in connections]
        for _, writer in connections:
            writer.close()
        return answers

    before = script_calls(quiet)
    assert asyncio.run(submit_all()) == [b"HTTP/1.1 202 Accepted\r\n"] * REQUESTS
    # One partition is one lane, so one script is one round trip.
    round_trips = script_calls(quiet) - before
    print(f"{REQUESTS} requests, {round_trips} round trips")  # noqa: T201 - a measurement
    assert round_trips <= REQUESTS / 5
    partition = quiet.inbox.partition(partition_of("BATCHED"))
    assert partition is not None
    assert partition.accepted == REQUESTS


def test_order_of_arrival_is_kept() -> None:
    """Trades that arrive during a call wait, and the next call takes them in order."""
    calls: list[list[str]] = []
    may_return = threading.Event()

    def accept(trades: Sequence[Submission]) -> list[Answer]:
        calls.append([trade.trade_id for trade in trades])
        assert may_return.wait(RESPONSE_TIMEOUT_SECONDS)
        return receipts(trades)

    async def scenario() -> list[Answer]:
        batcher = SubmissionBatcher(accept)
        trades = submissions(20)
        first = asyncio.create_task(batcher.accept(trades[0]))
        while not calls:
            await asyncio.sleep(0)
        others = [asyncio.create_task(batcher.accept(trade)) for trade in trades[1:]]
        await asyncio.sleep(0)
        may_return.set()
        answers = await asyncio.gather(first, *others)
        batcher.close()
        return answers

    answers = asyncio.run(scenario())
    ids = [trade.trade_id for trade in submissions(20)]
    assert calls == [ids[:1], ids[1:]]
    assert [answer.trade_id for answer in answers] == ids


def test_too_many_waiting_are_refused() -> None:
    """The batcher refuses trades above its limit, and accepts them once the others are through."""
    may_return, called = threading.Event(), threading.Event()

    def accept(trades: Sequence[Submission]) -> list[Answer]:
        called.set()
        assert may_return.wait(RESPONSE_TIMEOUT_SECONDS)
        return receipts(trades)

    async def scenario() -> None:
        batcher = SubmissionBatcher(accept, max_pending=2)
        trades = submissions(5)
        tasks = [asyncio.create_task(batcher.accept(trades[0]))]
        while not called.is_set():
            await asyncio.sleep(0)
        tasks += [asyncio.create_task(batcher.accept(trade)) for trade in trades[1:3]]
        await asyncio.sleep(0)
        with pytest.raises(TooManyPendingError):
            await batcher.accept(trades[3])
        may_return.set()
        await asyncio.gather(*tasks)
        assert isinstance(await batcher.accept(trades[4]), Receipt)
        batcher.close()

    asyncio.run(scenario())


def test_failed_call_fails_its_own_trades_only() -> None:
    """An error of a call reaches each request of that call and no request of the next call."""
    failures = iter([ConnectionError("gone"), None])

    def accept(trades: Sequence[Submission]) -> list[Answer]:
        if failure := next(failures):
            raise failure
        return receipts(trades)

    async def scenario() -> None:
        batcher = SubmissionBatcher(accept)
        trades = submissions(3)
        failed = await asyncio.gather(
            *(batcher.accept(trade) for trade in trades[:2]), return_exceptions=True
        )
        assert [type(error) for error in failed] == [ConnectionError] * 2
        assert isinstance(await batcher.accept(trades[2]), Receipt)
        batcher.close()

    asyncio.run(scenario())


def test_request_that_went_away_disturbs_no_other() -> None:
    """The trade of a cancelled request is still accepted, and the others get their answers."""
    may_return = threading.Event()
    accepted: list[str] = []

    def accept(trades: Sequence[Submission]) -> list[Answer]:
        assert may_return.wait(RESPONSE_TIMEOUT_SECONDS)
        accepted.extend(trade.trade_id for trade in trades)
        return receipts(trades)

    async def scenario() -> None:
        batcher = SubmissionBatcher(accept)
        trades = submissions(3)
        tasks = [asyncio.create_task(batcher.accept(trade)) for trade in trades]
        await asyncio.sleep(0)
        tasks[1].cancel()
        may_return.set()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Receipt, asyncio.CancelledError, Receipt]
        batcher.close()

    asyncio.run(scenario())
    assert accepted == [trade.trade_id for trade in submissions(3)]
