"""`GET /partitions`, which lists partitions page by page or shows one in detail."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pytest

from tests.support.api.api_in_process import PARTITIONS, InProcessApi
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
    """Return submissions of one book that have these sequence numbers."""
    return [submission(f"{book}-N{number}", book, sequenceNumber=number) for number in numbers]


def pages(in_process_api: InProcessApi, **query: Any) -> Iterator[list[str]]:
    """Yield the partition keys of each page."""
    cursor: str | None = ""
    for _ in range(100):
        if cursor is None:
            return
        page = in_process_api.page(cursor=cursor, **query)
        yield [partition["partitionKey"] for partition in page["partitions"]]
        cursor = page["nextCursor"]
    raise AssertionError("the pages do not end")


def instant(text: str) -> datetime:
    """Return the time that a timestamp of a response means."""
    return datetime.fromisoformat(text)


def test_a_partition_is_shown_with_its_state(in_process_api: InProcessApi) -> None:
    """A partition has its depth, age, owner, lease, numbers, and why it is held."""
    worker = in_process_api.worker
    worker.accept(*numbered(1, 2, 5, 6))
    worker.drain()
    worker.accept(*submissions(3, "B1"), *submissions(1, "B2"))
    claim = claimed(worker.inbox, "host-7")
    in_process_api.perform(ONE, "pause", by="Zoë", why="prices are wrong")
    first, second = in_process_api.page()["partitions"]
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


def test_reading_changes_nothing(in_process_api: InProcessApi) -> None:
    """Reading partitions changes nothing in Redis or in the ledger."""
    in_process_api.worker.accept(
        *submissions(2, "B2"), broken("poison", "B1"), *submissions(3, "B1")
    )
    in_process_api.worker.drain()
    in_process_api.worker.accept(*submissions(1, "B3"))
    before = everything(in_process_api.worker.inbox.redis), contents(in_process_api.worker.ledger)
    for read in (
        in_process_api.page,
        lambda: in_process_api.page(held="true"),
        lambda: in_process_api.partition(ONE),
    ):
        read()
    assert (
        everything(in_process_api.worker.inbox.redis),
        contents(in_process_api.worker.ledger),
    ) == before


@pytest.mark.parametrize("limit", [1, 7, 25, 1000])
def test_pages_show_every_partition_once_and_in_order(
    in_process_api: InProcessApi, limit: int
) -> None:
    """The pages have each partition once, also one that only the ledger or only Redis has."""
    worker = in_process_api.worker
    worker.accept(*(submission(f"T-{book}", book) for book in BOOKS[::2]))
    worker.drain()
    worker.inbox.redis.flushall()
    worker.accept(*(submission(f"U-{book}", book) for book in BOOKS[1::2] + BOOKS[::4]))
    partition_pages = list(pages(in_process_api, limit=limit))
    assert list(chain(*partition_pages)) == [partition_of(book) for book in BOOKS]
    assert all(len(page) == limit for page in partition_pages[:-1])


def test_partitions_of_all_lanes_are_on_one_page(quiet: Deployment) -> None:
    """A page has partitions of all lanes in the order of their keys, by default up to 100."""
    trades = [submission(f"LANES-{number}", f"LANES{number:03}") for number in range(120)]
    for trade in trades:
        assert quiet.submit(trade.document).status_code == 202
    keys = [partition_of(f"LANES{number:03}") for number in range(120)]
    page = quiet.http.get(PARTITIONS, params={"cursor": "ACC1_LANES0"}).json()
    assert [row["partitionKey"] for row in page["partitions"]] == keys[:100]
    assert len({row["lane"] for row in page["partitions"]}) == 4
    rest = quiet.http.get(PARTITIONS, params={"cursor": page["nextCursor"], "limit": "20"}).json()
    assert [row["partitionKey"] for row in rest["partitions"]] == keys[100:]


def test_held_partitions_can_be_listed(in_process_api: InProcessApi) -> None:
    """The `held` filter lists held or free partitions, also after Redis has lost its data."""
    worker = in_process_api.worker
    worker.accept(broken("poison", "B1"), *submissions(1, "B2"), *submissions(1, "B3"))
    worker.drain()
    in_process_api.perform(THREE, "pause", why="who: knows: it")
    for _ in range(2):
        halted, paused = in_process_api.page(held="true")["partitions"]
        assert (halted["partitionKey"], halted["held"]["kind"]) == (ONE, "HALTED")
        assert halted["held"]["who"] is None
        assert halted["held"]["why"].startswith("DecodeError: ")
        assert (paused["partitionKey"], paused["held"]["kind"]) == (THREE, "PAUSED")
        assert (paused["held"]["who"], paused["held"]["why"]) == ("ann", "who: knows: it")
        assert list(pages(in_process_api, held="true", limit=1)) == [[ONE], [THREE]]
        assert list(chain(*pages(in_process_api, held="false", limit=1))) == [TWO]
        worker.inbox.redis.flushall()


def test_a_halted_partition_in_detail(in_process_api: InProcessApi) -> None:
    """The detail has the parked trade, the waiting trades, and the audit, newest row first."""
    worker = in_process_api.worker
    worker.accept(*submissions(2, "B1"), broken("poison", "B1"), *submissions(30, "B1", 3))
    worker.drain()
    assert in_process_api.post_action(ONE, "retry").status_code == 409
    in_process_api.perform(ONE, "pause", by="bob", why="until Monday")
    partition = in_process_api.partition(ONE)
    assert (partition["waiting"], partition["lastSequence"]) == (30, 2)
    assert partition["held"] == {"kind": "PAUSED", "who": "bob", "why": "until Monday"}
    parked_trade = partition["haltedBy"]
    assert (parked_trade["tradeId"], parked_trade["position"]) == ("poison", 3)
    assert parked_trade["reason"].startswith("DecodeError: ")
    assert (
        instant(parked_trade["acceptedAt"])
        <= instant(parked_trade["parkedAt"])
        <= datetime.now(UTC)
    )
    waiting = partition["waitingTrades"]
    assert [trade["position"] for trade in waiting] == list(range(4, 24))
    assert [trade["tradeId"] for trade in waiting] == [f"B1-{number}" for number in range(3, 23)]
    assert all(trade["acceptedAt"] for trade in waiting)
    assert partition["gap"] is None
    pause, retry = partition["audit"]
    assert (pause["action"], pause["by"], pause["why"]) == ("pause", "bob", "until Monday")
    assert (retry["action"], retry["tradeId"], retry["position"]) == ("retry", "poison", 3)
    assert "still cannot be captured" in retry["result"]
    assert instant(retry["doneAt"]) <= instant(pause["doneAt"])


@pytest.mark.parametrize("trades", [0, 1, 100])
def test_as_many_waiting_trades_are_shown_as_asked_for(
    in_process_api: InProcessApi, trades: int
) -> None:
    """The detail shows as many waiting trades as requested, from the head on."""
    in_process_api.worker.accept(*numbered(1), *submissions(149, "B1"))
    waiting_trades = in_process_api.partition(ONE, waiting=trades)["waitingTrades"]
    assert [trade["position"] for trade in waiting_trades] == list(range(1, trades + 1))
    assert [trade["sequenceNumber"] for trade in waiting_trades[:1]] == [1][:trades]
    assert all("sequenceNumber" not in trade for trade in waiting_trades[1:])


def test_an_unreadable_trade_is_shown_at_its_position(in_process_api: InProcessApi) -> None:
    """An unreadable trade has its position and the reason; readable trades are as usual."""
    in_process_api.worker.accept(*submissions(2, "B1"))
    redis = in_process_api.worker.inbox.redis
    redis.lset(KEYS.inbox(ONE), 0, UNREADABLE)
    unreadable, readable = in_process_api.partition(ONE)["waitingTrades"]
    assert (unreadable["position"], unreadable["tradeId"]) == (1, None)
    assert unreadable["acceptedAt"] is None
    assert "run workers of the release that accepted it" in unreadable["unreadable"]
    assert (readable["position"], readable["tradeId"]) == (2, "B1-2")
    assert "unreadable" not in readable


def test_a_gap_in_the_upstream_numbers_is_shown(in_process_api: InProcessApi) -> None:
    """A gap has its missing numbers, its buffered trades, its begin, and whether it is overdue."""
    in_process_api.worker.accept(*numbered(1, 2, 5, 9), *submissions(1, "B2"))
    in_process_api.worker.drain()
    gap = in_process_api.partition(ONE)["gap"]
    assert timedelta(0) <= datetime.now(UTC) - instant(gap.pop("since")) < timedelta(minutes=1)
    assert gap == {"missingFrom": 3, "missingTo": 4, "buffered": 2, "overdue": False}
    assert in_process_api.partition(TWO)["gap"] is None


KEYS_OF_ALL_KINDS = [
    ("ACC_1", "BO~OK", "US0378331005"),
    ("a/b", "c//d", "/"),
    ("A", "B", "C/pause"),
    ("A", "B", "C/x/pause/skip"),
    ("%41", "a?held=true#x", "~1"),
    ("日本", "..", "."),
]


@pytest.mark.parametrize("ids", KEYS_OF_ALL_KINDS)
def test_every_partition_has_an_address(
    in_process_api: InProcessApi, ids: tuple[str, str, str]
) -> None:
    """Every partition key, percent-encoded, is an address to read and to act on."""
    account, book, security = ids
    trade = submission("T-1", book, accountId=account, securityId=security)
    in_process_api.worker.accept(trade)
    key = make_partition_key(*ids)
    assert in_process_api.partition(key)["partitionKey"] == key
    for action in ("pause", "resume"):
        assert in_process_api.perform(key, action)["partition"]["partitionKey"] == key
    assert [partition["partitionKey"] for partition in in_process_api.page()["partitions"]] == [key]


@pytest.mark.parametrize(
    "key", ["A_B_C", "unknown", "A__C", "A_B_C_D", "%00_B_C", "%FF_B_C", "x" * 303, "%20", ".."]
)
def test_an_unknown_partition_is_not_found(quiet: Deployment, key: str) -> None:
    """A key without any accepted trade is a 404, to read and to act on."""
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
    """Another method is a 405 that names the accepted ones; an encoded slash is part of a key."""
    response = quiet.http.request(method, f"{PARTITIONS}/{path}")
    problem_of(response, 405, "METHOD_NOT_ALLOWED")
    assert allowed in response.headers["allow"]


@pytest.mark.parametrize("path", ["A_B_C/replay", "A_B_C/pause/skip"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_other_addresses_are_not_served(quiet: Deployment, method: str, path: str) -> None:
    """An address below a partition that is no action is a 404 that names the documentation."""
    response = quiet.http.request(method, f"{PARTITIONS}/{path}")
    assert "/schema" in problem_of(response, 404, "NOT_FOUND")["detail"]


def test_parameters_are_checked_all_at_once(quiet: Deployment) -> None:
    """One 400 names every invalid or unknown parameter; a misspelt filter is not ignored."""
    query = {"limit": "1001", "held": "yes", "cursor": "a\0", "hold": "true"}
    problem = problem_of(quiet.http.get(PARTITIONS, params=query), 400, "VALIDATION_ERROR")
    assert sorted(paths(problem)) == ["cursor", "held", "hold", "limit"]
    for bad in ("0", "-1", "1.5", "", "٣", "1" * 5000):
        refused = quiet.http.get(PARTITIONS, params={"limit": bad})
        assert "1 to 1000" in problem_of(refused, 400, "VALIDATION_ERROR")["problems"][0]["message"]
    for bad in ("101", "x"):
        response = quiet.http.get(f"{PARTITIONS}/A_B_C", params={"waiting": bad})
        assert paths(problem_of(response, 400, "VALIDATION_ERROR")) == ["waiting"]
