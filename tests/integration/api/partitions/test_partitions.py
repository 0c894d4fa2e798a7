"""`GET /partitions`: the state of partitions, page by page and in detail."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from tests.support.api.api_in_process import PARTITIONS, Operated
from tests.support.api.problems import paths, problem_of
from tests.support.api.requests import Deployment
from tests.support.builders import broken, partition_of, submission, submissions
from tests.support.capture.worker import ONE, THREE, TWO
from tests.support.inbox.redis_snapshot import KEYS, claimed, everything
from tests.support.ledger.ledger_snapshot import contents
from tradecapture.trades.partition import make_partition_key

UNREADABLE = "2 3 1 1 an entry of a newer release"
BOOKS = [f"P{number:02}" for number in range(25)]


def numbered(*numbers: int, book: str = "B1") -> list[Any]:
    """Return submissions of one book with upstream's numbers."""
    return [submission(f"{book}-N{number}", book, sequenceNumber=number) for number in numbers]


def pages(desk: Operated, **query: Any) -> Iterator[list[str]]:
    """Read page after page, and yield the keys of each."""
    cursor: str | None = ""
    for _ in range(100):
        if cursor is None:
            return
        page = desk.page(cursor=cursor, **query)
        yield [partition["partitionKey"] for partition in page["partitions"]]
        cursor = page["nextCursor"]
    raise AssertionError("the pages do not end")


def instant(text: str) -> datetime:
    """Return a timestamp of an answer."""
    return datetime.fromisoformat(text)


def test_a_partition_is_shown_with_its_state(desk: Operated) -> None:
    """Depth, age, owner, lease, ledger sequence, upstream's number, and why it is held."""
    worker = desk.worker
    worker.accept(*numbered(1, 2, 5, 6))
    worker.drain()
    worker.accept(*submissions(3, "B1"), *submissions(1, "B2"))
    claim = claimed(worker.inbox, "host-7")
    desk.perform(ONE, "pause", by="Zoë", why="prices are wrong")
    first, second = desk.page()["partitions"]
    assert 0 <= first.pop("oldestAgeMs") < 60_000
    assert 0 < first.pop("leaseMs") <= 100_000
    assert first == {
        "partitionKey": ONE,
        "lane": 0,
        "accepted": 7,
        "waiting": 3,
        "owner": claim.token,
        "lastSequence": 2,
        "upstreamNumber": 2,
        "buffered": 2,
        "held": {"kind": "PAUSED", "who": "Zoë", "why": "prices are wrong"},
    }
    assert (second["partitionKey"], second["waiting"], second["held"]) == (TWO, 1, None)
    assert (second["lastSequence"], second["upstreamNumber"], second["buffered"]) == (0, 0, 0)


def test_reading_changes_nothing(desk: Operated) -> None:
    """Neither in Redis nor in the ledger."""
    desk.worker.accept(*submissions(2, "B2"), broken("poison", "B1"), *submissions(3, "B1"))
    desk.worker.drain()
    desk.worker.accept(*submissions(1, "B3"))
    before = everything(desk.worker.inbox.redis), contents(desk.worker.ledger)
    for read in (desk.page, lambda: desk.page(held="true"), lambda: desk.look(ONE)):
        read()
    assert (everything(desk.worker.inbox.redis), contents(desk.worker.ledger)) == before


@pytest.mark.parametrize("limit", [1, 7, 25, 1000])
def test_pages_show_every_partition_once_and_in_order(desk: Operated, limit: int) -> None:
    """Also those that only the ledger, or only Redis, has."""
    worker = desk.worker
    worker.accept(*(submission(f"T-{book}", book) for book in BOOKS[::2]))
    worker.drain()
    worker.inbox.redis.flushall()
    worker.accept(*(submission(f"U-{book}", book) for book in BOOKS[1::2] + BOOKS[::4]))
    found = list(pages(desk, limit=limit))
    assert list(chain(*found)) == [partition_of(book) for book in BOOKS]
    assert all(len(page) == limit for page in found[:-1])


def test_partitions_of_all_lanes_are_on_one_page(quiet: Deployment) -> None:
    """They are in the order of their keys, not of their lanes; a page has at most a hundred."""
    trades = [submission(f"LANES-{number}", f"LANES{number:03}") for number in range(120)]
    for trade in trades:
        assert quiet.submit(trade.document).status_code == 202
    keys = [partition_of(f"LANES{number:03}") for number in range(120)]
    page = quiet.http.get(PARTITIONS, params={"cursor": "ACC1_LANES0"}).json()
    assert [row["partitionKey"] for row in page["partitions"]] == keys[:100]
    assert len({row["lane"] for row in page["partitions"]}) == 4
    rest = quiet.http.get(PARTITIONS, params={"cursor": page["nextCursor"], "limit": "20"}).json()
    assert [row["partitionKey"] for row in rest["partitions"]] == keys[100:]


def test_held_partitions_can_be_listed(desk: Operated) -> None:
    """Paused or halted, also if Redis was emptied since; and so can those that are not held."""
    worker = desk.worker
    worker.accept(broken("poison", "B1"), *submissions(1, "B2"), *submissions(1, "B3"))
    worker.drain()
    desk.perform(THREE, "pause", why="who: knows: it")
    for _ in range(2):
        halted, paused = desk.page(held="true")["partitions"]
        assert (halted["partitionKey"], halted["held"]["kind"]) == (ONE, "HALTED")
        assert halted["held"]["who"] is None
        assert halted["held"]["why"].startswith("DecodeError: ")
        assert (paused["partitionKey"], paused["held"]["kind"]) == (THREE, "PAUSED")
        assert (paused["held"]["who"], paused["held"]["why"]) == ("ann", "who: knows: it")
        assert list(pages(desk, held="true", limit=1)) == [[ONE], [THREE]]
        assert list(chain(*pages(desk, held="false", limit=1))) == [TWO]
        worker.inbox.redis.flushall()


def test_a_halted_partition_in_detail(desk: Operated) -> None:
    """The parked trade, the waiting trades, and the audit, the newest row first."""
    worker = desk.worker
    worker.accept(*submissions(2, "B1"), broken("poison", "B1"), *submissions(30, "B1", 3))
    worker.drain()
    assert desk.ask(ONE, "retry").status_code == 409
    desk.perform(ONE, "pause", by="bob", why="until Monday")
    found = desk.look(ONE)
    assert (found["waiting"], found["lastSequence"]) == (30, 2)
    assert found["held"] == {"kind": "PAUSED", "who": "bob", "why": "until Monday"}
    halting = found["haltedBy"]
    assert (halting["tradeId"], halting["position"]) == ("poison", 3)
    assert halting["reason"].startswith("DecodeError: ")
    assert instant(halting["acceptedAt"]) <= instant(halting["parkedAt"]) <= datetime.now(UTC)
    waiting = found["waitingTrades"]
    assert [trade["position"] for trade in waiting] == list(range(4, 24))
    assert [trade["tradeId"] for trade in waiting] == [f"B1-{number}" for number in range(3, 23)]
    assert all(trade["acceptedAt"] for trade in waiting)
    assert found["gap"] is None
    pause, retry = found["audit"]
    assert (pause["action"], pause["by"], pause["why"]) == ("pause", "bob", "until Monday")
    assert (retry["action"], retry["tradeId"], retry["position"]) == ("retry", "poison", 3)
    assert "still cannot be captured" in retry["result"]
    assert instant(retry["doneAt"]) <= instant(pause["doneAt"])


@pytest.mark.parametrize("trades", [0, 1, 100])
def test_as_many_waiting_trades_are_shown_as_asked_for(desk: Operated, trades: int) -> None:
    """They are shown from the head on, with their upstream number if they have one."""
    desk.worker.accept(*numbered(1), *submissions(149, "B1"))
    found = desk.look(ONE, waiting=trades)["waitingTrades"]
    assert [trade["position"] for trade in found] == list(range(1, trades + 1))
    assert [trade["sequenceNumber"] for trade in found[:1]] == [1][:trades]
    assert all("sequenceNumber" not in trade for trade in found[1:])


def test_an_unreadable_trade_is_shown_at_its_position(desk: Operated) -> None:
    """It has the reason; the trades around it are shown as usual."""
    desk.worker.accept(*submissions(2, "B1"))
    redis = desk.worker.inbox.redis
    redis.lset(KEYS.inbox(ONE), 0, UNREADABLE)
    unreadable, readable = desk.look(ONE)["waitingTrades"]
    assert (unreadable["position"], unreadable["tradeId"]) == (1, None)
    assert unreadable["acceptedAt"] is None
    assert "run workers of the release that accepted it" in unreadable["unreadable"]
    assert (readable["position"], readable["tradeId"]) == (2, "B1-2")
    assert "unreadable" not in readable


def test_a_gap_in_the_upstream_numbers_is_shown(desk: Operated) -> None:
    """The missing numbers, how many trades wait since when, and whether the gap is overdue."""
    desk.worker.accept(*numbered(1, 2, 5, 9), *submissions(1, "B2"))
    desk.worker.drain()
    gap = desk.look(ONE)["gap"]
    assert timedelta(0) <= datetime.now(UTC) - instant(gap.pop("since")) < timedelta(minutes=1)
    assert gap == {"missingFrom": 3, "missingTo": 4, "buffered": 2, "overdue": False}
    assert desk.look(TWO)["gap"] is None


KEYS_OF_ALL_KINDS = [
    ("ACC_1", "BO~OK", "US0378331005"),
    ("a/b", "c//d", "/"),
    ("A", "B", "C/pause"),
    ("A", "B", "C/x/pause/skip"),
    ("%41", "a?held=true#x", "~1"),
    ("日本", "..", "."),
]


@pytest.mark.parametrize("ids", KEYS_OF_ALL_KINDS)
def test_every_partition_has_an_address(desk: Operated, ids: tuple[str, str, str]) -> None:
    """Percent-encoded, every key is an address to read and to act on, whatever its ids hold."""
    account, book, security = ids
    trade = submission("T-1", book, accountId=account, securityId=security)
    desk.worker.accept(trade)
    key = make_partition_key(*ids)
    assert desk.look(key)["partitionKey"] == key
    for action in ("pause", "resume"):
        assert desk.perform(key, action)["partition"]["partitionKey"] == key
    assert [partition["partitionKey"] for partition in desk.page()["partitions"]] == [key]


@pytest.mark.parametrize(
    "key", ["A_B_C", "unknown", "A__C", "A_B_C_D", "%00_B_C", "%FF_B_C", "x" * 303, "%20", ".."]
)
def test_an_unknown_partition_is_not_found(quiet: Deployment, key: str) -> None:
    """404 to read and to act on: no trade of it was accepted, or ever can be."""
    problem_of(quiet.http.get(f"{PARTITIONS}/{key}".replace("..", "%2E%2E")), 404, "NOT_FOUND")
    address = f"{PARTITIONS}/{key}/pause".replace("..", "%2E%2E")
    problem_of(quiet.http.post(address, json={"by": "ann", "why": "x"}), 404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "A_B_C/pause", "POST"),
        ("POST", "A_B_C", "GET"),
        ("POST", "A_B_C%2Fpause", "GET"),
        ("DELETE", "A_B_C", "GET"),
    ],
)
def test_another_method_is_a_problem(
    quiet: Deployment, method: str, path: str, allowed: str
) -> None:
    """405 names the methods of the address; an encoded slash begins no action."""
    response = quiet.http.request(method, f"{PARTITIONS}/{path}")
    problem_of(response, 405, "METHOD_NOT_ALLOWED")
    assert allowed in response.headers["allow"]


@pytest.mark.parametrize("path", ["A_B_C/replay", "A_B_C/pause/skip"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_addresses_are_not_served(quiet: Deployment, method: str, path: str) -> None:
    """404 that says where the addresses are documented."""
    response = quiet.http.request(method, f"{PARTITIONS}/{path}")
    assert "/schema" in problem_of(response, 404, "NOT_FOUND")["detail"]


def test_parameters_are_checked_all_at_once(quiet: Deployment) -> None:
    """Every wrong or unknown parameter is named; a misspelt filter is not ignored."""
    query = {"limit": "1001", "held": "yes", "cursor": "a\0", "hold": "true"}
    problem = problem_of(quiet.http.get(PARTITIONS, params=query), 400, "VALIDATION_ERROR")
    assert sorted(paths(problem)) == ["cursor", "held", "hold", "limit"]
    for bad in ("0", "-1", "1.5", "", "٣", "1" * 5000):
        refused = quiet.http.get(PARTITIONS, params={"limit": bad})
        assert "1 to 1000" in problem_of(refused, 400, "VALIDATION_ERROR")["problems"][0]["message"]
    for bad in ("101", "x"):
        response = quiet.http.get(f"{PARTITIONS}/A_B_C", params={"waiting": bad})
        assert paths(problem_of(response, 400, "VALIDATION_ERROR")) == ["waiting"]
