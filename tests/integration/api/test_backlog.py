"""`GET /backlog`, which an autoscaler reads."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.api.requests import LANES, Deployment, new_trade
from tests.support.builders import partition_of
from tradecapture.inbox import Hold, Inbox
from tradecapture.settings import Settings

COUNTS = ("partitionsDue", "partitionsPostponed", "partitionsHeld", "waiting")


def backlog_of(deployment: Deployment) -> dict[str, Any]:
    """Check that the totals of the backlog are the sums over its lanes, and return it."""
    response = deployment.http.get("/api/v1/backlog")
    assert response.status_code == 200
    body: dict[str, Any] = response.json()
    assert [lane["lane"] for lane in body["lanes"]] == list(range(LANES))
    for name in COUNTS:
        assert body[name] == sum(lane[name] for lane in body["lanes"])
    assert body["claimsDue"] == pytest.approx(sum(lane["claimsDue"] for lane in body["lanes"]))
    assert body["dueForSeconds"] == max(lane["dueForSeconds"] for lane in body["lanes"]) >= 0
    return body


def growth(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[int]:
    """Return how much each count has grown."""
    return [after[name] - before[name] for name in COUNTS]


def test_partitions_count_once_however_many_trades_wait(quiet: Deployment) -> None:
    """Ten trades of one partition count as one due partition; a held partition is not due."""
    before = backlog_of(quiet)
    for book in ["BACKLOG1"] * 10 + ["BACKLOG2"]:
        assert quiet.submit(new_trade(bookId=book)[1]).status_code == 202
    waiting = backlog_of(quiet)
    assert growth(before, waiting) == [2, 0, 0, 11]
    assert waiting["dueForSeconds"] > 0
    assert waiting["claimsDue"] - before["claimsDue"] == pytest.approx(10 / 1000 + 1 / 500)

    inbox = Inbox(quiet.redis, Settings(lanes=LANES))
    inbox.hold(partition_of("BACKLOG1"), Hold.halt("a reason"))
    assert growth(waiting, backlog_of(quiet)) == [-1, 0, 1, 0]
    inbox.unhold(partition_of("BACKLOG1"))
