"""`GET /trades`, which returns the matching trades page by page."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.api.api_in_process import InProcessApi
from tests.support.api.problems import paths, problem_of
from tests.support.api.requests import Deployment
from tests.support.builders import ISIN, broken, partition_of, submission
from tradecapture.api.trades.cursor import encode_cursor
from tradecapture.ledger.queries.trade_filter import PageKey, Section, TradeFilter
from tradecapture.trades.lifecycle import Outcome

TRADES = "/api/v1/trades"
DAY, NEXT_DAY = "2025-01-15", "2025-01-16"


def pages(in_process_api: InProcessApi, **query: Any) -> Iterator[dict[str, Any]]:
    """Yield page after page."""
    for _ in range(50):
        response = in_process_api.http.get(TRADES, params=query)
        assert response.status_code == 200, response.text
        page = response.json()
        yield page
        if page["nextCursor"] is None:
            return
        query["cursor"] = page["nextCursor"]
    raise AssertionError("the pages do not end")


def trade_ids(in_process_api: InProcessApi, **query: Any) -> list[str]:
    """Return the ids of all matching trades."""
    return [trade["tradeId"] for page in pages(in_process_api, **query) for trade in page["trades"]]


@pytest.fixture
def traded(in_process_api: InProcessApi) -> InProcessApi:
    """A ledger with six captured, one rejected, one parked and one buffered trade; one waits."""
    worker = in_process_api.worker
    worker.accept(*(submission(f"A-{n}", "B1") for n in (1, 2, 3)))
    worker.accept(submission("A-4", "B2", tradeDate=NEXT_DAY))
    worker.accept(
        submission("C-1", "B1", accountId="ACC_2"), submission("C-2", "B2", accountId="ACC_2")
    )
    worker.accept(
        submission("far", "B1", sequenceNumber=5000), submission("next", "B1", sequenceNumber=2)
    )
    worker.accept(broken("poison", "B3"))
    worker.drain()
    worker.accept(submission("waits", "B1"))
    return in_process_api


def test_each_filter_finds_what_fits(traded: InProcessApi) -> None:
    """Each filter, and several together, return exactly the matching trades."""
    captured = ["A-1", "A-2", "A-3", "A-4", "C-1", "C-2"]
    assert trade_ids(traded) == ["far", "next", "poison", *captured]
    assert trade_ids(traded, outcome="CAPTURED") == captured
    assert trade_ids(traded, outcome="PARKED,BUFFERED") == ["next", "poison"]
    assert trade_ids(traded, partitionKey=partition_of("B2")) == ["A-4"]
    assert trade_ids(traded, accountId="ACC_2") == ["C-1", "C-2"]
    assert trade_ids(traded, bookId="B2", securityId=ISIN) == ["A-4", "C-2"]
    assert trade_ids(traded, securityId="US5949181045") == []
    assert trade_ids(traded, tradeDate=DAY) == ["far", "next", "A-1", "A-2", "A-3", "C-1", "C-2"]
    assert trade_ids(traded, tradeDateFrom=NEXT_DAY) == ["A-4"]
    assert (
        trade_ids(traded, accountId="ACC1", tradeDateTo=DAY, outcome="CAPTURED", bookId="")
        == captured[:3]
    )
    assert trade_ids(traded, partitionKey=partition_of("B2"), bookId="B1") == []


@pytest.mark.parametrize("limit", [1, 2, 1000])
def test_pages_together_are_the_whole(traded: InProcessApi, limit: int) -> None:
    """Pages of any size give each trade once, although trades arrive in between."""
    all_ids = trade_ids(traded)
    paged_ids = []
    for number, page in enumerate(pages(traded, limit=limit)):
        assert len(page["trades"]) <= limit
        paged_ids += [trade["tradeId"] for trade in page["trades"]]
        traded.worker.accept(submission(f"between-{number}", accountId=f"A{90 - number}"))
        traded.worker.drain()
    assert [trade_id for trade_id in paged_ids if trade_id in all_ids] == all_ids


def test_a_trade_is_shown_as_its_status_is(traded: InProcessApi) -> None:
    """A trade in a page has the fields of `GET /trades/capture/{tradeId}`, except the document."""
    for trade in next(pages(traded))["trades"]:
        status = traded.http.get(f"{TRADES}/capture/{trade['tradeId']}").json()
        assert {name: trade[name] for name in status if name != "trade"} == {
            name: value for name, value in status.items() if name != "trade"
        }


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ({"partitionKey": "ACC1-B1"}, ["partitionKey"]),
        ({"accountId": "A" * 51}, ["accountId"]),
        ({"bookId": "💶" * 26}, ["bookId"]),
        ({"securityId": "a\nb"}, ["securityId"]),
        ({"tradeDate": "2025-02-30"}, ["tradeDate"]),
        ({"tradeDate": DAY, "tradeDateTo": DAY}, ["tradeDate"]),
        ({"tradeDateFrom": NEXT_DAY, "tradeDateTo": DAY}, ["tradeDateTo"]),
        ({"outcome": "ACCEPTED"}, ["outcome"]),
        ({"limit": "0"}, ["limit"]),
        ({"limit": "1001", "outcome": "captured"}, ["limit", "outcome"]),
        ({"cursor": "%%%"}, ["cursor"]),
        ({"cursor": "WyJh"}, ["cursor"]),
        ({"account": "ACC1"}, ["account"]),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    quiet: Deployment, query: dict[str, str], named: list[str]
) -> None:
    """A search with invalid parameters is a 400 that names each of them."""
    response = quiet.http.get(TRADES, params=query)
    assert sorted(paths(problem_of(response, 400, "VALIDATION_ERROR"))) == named


def test_a_made_up_cursor_is_refused(quiet: Deployment) -> None:
    """A cursor with an invalid key is a 400, even if its checksum is valid."""
    trade_filter = TradeFilter(outcomes=(Outcome.CAPTURED,))
    for key in ((7, "x"), ("P", "x")):
        cursor = encode_cursor(PageKey(Section.CAPTURED, key), trade_filter)
        response = quiet.http.get(TRADES, params={"cursor": cursor, "outcome": "CAPTURED"})
        assert paths(problem_of(response, 400, "VALIDATION_ERROR")) == ["cursor"]


def test_a_cursor_goes_on_with_its_own_filters_only(traded: InProcessApi) -> None:
    """A cursor with other filters than its own is a 400, as its page would begin elsewhere."""
    page = next(pages(traded, limit=1))
    response = traded.http.get(TRADES, params={"cursor": page["nextCursor"], "outcome": "CAPTURED"})
    assert paths(problem_of(response, 400, "VALIDATION_ERROR")) == ["cursor"]
