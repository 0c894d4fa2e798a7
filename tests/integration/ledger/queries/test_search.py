"""The search: page by page each trade that fits once and in order, whatever the filter and size."""

from collections.abc import Sequence
from datetime import date, timedelta
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event

from tests.support.builders import EPOCH, NOW, TODAY, broken, claim, entry, submission, trade_json
from tests.support.ledger.ledger_snapshot import TASK, capture
from tradecapture.ledger import ExceptionRow, Ledger, PartitionRow, TradeRow
from tradecapture.ledger.queries import index_scan as walk_module
from tradecapture.ledger.queries import search as search_module
from tradecapture.ledger.queries.search import TradeSearch
from tradecapture.ledger.queries.trade_filter import (
    PageKey,
    PageKeyError,
    Section,
    TradeFilter,
    TradeSummary,
)
from tradecapture.ledger.schema.tables import exceptions, metadata, partitions, trades
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey, make_partition_key

# Ids that begin alike, and that hold the separator and what it is escaped with.
ACCOUNTS, BOOKS, SECURITIES = ("A", "A_", "A~"), ("1", "1_"), ("S", "T")
DAYS = [TODAY + timedelta(days=days) for days in range(3)]
UNREADABLE = "{"


class Written(NamedTuple):
    """A trade of a made-up ledger."""

    account_id: str
    book_id: str
    security_id: str
    outcome: Outcome
    day: date | None  # None: its document cannot be read

    @property
    def partition_key(self) -> PartitionKey:
        """Its partition's key."""
        return make_partition_key(self.account_id, self.book_id, self.security_id)


written = st.builds(
    Written,
    st.sampled_from(ACCOUNTS),
    st.sampled_from(BOOKS),
    st.sampled_from(SECURITIES),
    st.sampled_from(Outcome),
    st.sampled_from(DAYS) | st.none(),
).filter(lambda one: one.day is not None or one.outcome is not Outcome.CAPTURED)
ledgers = st.lists(written, max_size=40)
filters = st.builds(
    TradeFilter,
    st.none() | st.builds(make_partition_key, *map(st.sampled_from, (ACCOUNTS, BOOKS, SECURITIES))),
    *(st.none() | st.sampled_from(ids) for ids in (ACCOUNTS, BOOKS, SECURITIES)),
    *[st.none() | st.sampled_from(DAYS)] * 2,
    st.just((Outcome.CAPTURED,))
    | st.sets(st.sampled_from(Outcome), min_size=1).map(sorted)
    | st.just(tuple(Outcome)),
)


@pytest.fixture
def search(ledger: Ledger) -> TradeSearch:
    """The search in a ledger."""
    return TradeSearch(ledger.engine, ledger.dialect)


def write(ledger: Ledger, content: Sequence[Written]) -> list[TradeSummary]:
    """Fill an empty ledger; return what stands in it, exceptions first, in no other order."""
    sequences: dict[str, int] = {}
    captured, others, found = [], [], []
    for number, one in enumerate(content):
        trade_id, place = f"T-{number % 7}-{number}", (EPOCH + number % 2, number + 1)
        if one.outcome is Outcome.CAPTURED:
            assert one.day is not None
            sequence = sequences[one.partition_key] = sequences.get(one.partition_key, 0) + 1
            row = (trade_id, one.partition_key, sequence, *place, "d", one.outcome.value, one.day)
            captured.append(TradeRow._make((*row, NOW, NOW, TASK, "", "{}", None, None)))
            found.append(
                TradeSummary(
                    *(trade_id, one.outcome, one.partition_key, *place, NOW, TASK),
                    *(one.day, sequence, NOW),
                )
            )
            continue
        document = trade_json(tradeDate=one.day.isoformat()).decode() if one.day else UNREADABLE
        others.append(
            ExceptionRow(
                *(one.partition_key, *place, trade_id, "d", one.outcome.value, "why", NOW, NOW),
                *(TASK, "", document, None, ""),
            )
        )
        found.append(
            TradeSummary(
                *(trade_id, one.outcome, one.partition_key, *place, NOW, TASK),
                recorded_at=NOW,
                reason="why",
            )
        )
    rows = {
        one.partition_key: _partition_row(one, sequences.get(one.partition_key, 0))
        for one in content
    }
    with ledger.engine.begin() as connection:
        for table in metadata.sorted_tables:
            connection.execute(table.delete())
        for table, some in ((partitions, list(rows.values())), (trades, captured)):
            if some:
                ledger.dialect.insert_rows(connection, table, some)
        if others:
            ledger.dialect.insert_rows(connection, exceptions, others)
    return found


def _partition_row(one: Written, sequence: int) -> PartitionRow:
    return PartitionRow(
        *(one.partition_key, one.account_id, one.book_id, one.security_id, 1, sequence, 1, 1, 0),
        *(0, "{}", "{}", None, None, None, None, NOW, None, 0, 0),  # type: ignore[arg-type]
    )


def naive(
    content: Sequence[Written], found: Sequence[TradeSummary], wanted: TradeFilter
) -> set[str]:
    """Return the ids of the trades that fit, by looking at each."""
    fitting = set()
    for one, trade in zip(content, found, strict=True):
        asked = (wanted.partition_key, wanted.account_id, wanted.book_id, wanted.security_id)
        has = (one.partition_key, one.account_id, one.book_id, one.security_id)
        same = all(a is None or a == b for a, b in zip(asked, has, strict=True))
        dated = not wanted.has_dates or (one.day is not None and wanted.includes(one.day))
        if same and dated and one.outcome in wanted.outcomes:
            fitting.add(trade.trade_id)
    return fitting


def order_of(trade: TradeSummary, by_days: bool) -> tuple[object, ...]:
    """Return where a trade stands among those that are found."""
    if trade.outcome is not Outcome.CAPTURED:
        return (0, trade.partition_key, trade.epoch, trade.position, trade.trade_id)
    return (1, *([trade.trade_date] if by_days else []), trade.partition_key, trade.ledger_sequence)


@given(ledgers, filters, st.integers(1, 8), st.booleans())
def test_pages_together_are_what_a_naive_filter_finds(
    ledger: Ledger,
    search: TradeSearch,
    content: list[Written],
    wanted: TradeFilter,
    limit: int,
    in_haste: bool,
) -> None:
    """Each trade that fits once and in order, also where every look is short and ends its page."""
    there = write(ledger, content)
    with pytest.MonkeyPatch.context() as patch:
        for module, name in (
            (walk_module, "MAX_ROWS"),
            (walk_module, "MAX_DOCUMENTS"),
            (search_module, "MAX_PARTITIONS"),
            (search_module, "MAX_TRADES"),
        ):
            patch.setattr(module, name, 3)
        found: list[TradeSummary] = []
        after, pages = None, 0
        while pages == 0 or after is not None:
            page = search.search(wanted, after, limit, lambda: not in_haste)
            assert len(page.trades) <= limit
            assert in_haste or page.last is None or len(page.trades) == limit
            found, after, pages = found + page.trades, page.last, pages + 1
            assert pages <= 100
    fitting = naive(content, there, wanted)
    by_days = wanted.has_dates and not any(wanted[:4])
    expected = [trade for trade in there if trade.trade_id in fitting]
    assert found == sorted(expected, key=lambda trade: order_of(trade, by_days))


def test_a_page_stands_still_while_trades_come(ledger: Ledger, search: TradeSearch) -> None:
    """What is captured before the mark or behind it moves no other trade over a page's edge."""
    for book in ("B2", "B4"):
        capture(ledger, *(entry(submission(f"{book}-{n}", book), n) for n in (1, 2)))
    first = search.search(TradeFilter(), None, 3)
    for book in ("B1", "B3", "B5"):
        capture(ledger, entry(submission(f"{book}-1", book)))
    second = search.search(TradeFilter(), first.last, 100)
    assert [trade.trade_id for trade in first.trades] == ["B2-1", "B2-2", "B4-1"]
    assert [trade.trade_id for trade in second.trades] == ["B4-2", "B5-1"]
    assert second.last is None


def test_a_trade_that_is_captured_between_two_pages_is_not_left_out(
    ledger: Ledger, search: TradeSearch
) -> None:
    """It was shown as buffered, and is shown again as captured."""
    capture(ledger, entry(submission("N-2", sequenceNumber=2)))
    first = search.search(TradeFilter(), None, 1)
    assert [trade.outcome for trade in first.trades] == [Outcome.BUFFERED]
    assert first.last is None
    poison = entry(broken("poison", "B2"))
    ledger.park(claim(poison), poison, "a reason", TASK, lambda: NOW)
    first = search.search(TradeFilter(), None, 1)
    capture(ledger, entry(submission("N-1", sequenceNumber=1), 2), fence=2)
    second = search.search(TradeFilter(), first.last, 100)
    assert [trade.trade_id for trade in first.trades] == ["poison"] or first.trades
    shown = {(trade.trade_id, trade.outcome) for trade in (*first.trades, *second.trades)}
    assert {("N-1", Outcome.CAPTURED), ("N-2", Outcome.CAPTURED)} <= shown
    assert ("poison", Outcome.PARKED) in shown


def test_a_mark_of_another_search_is_refused(search: TradeSearch) -> None:
    """Rather than read as a place that nobody meant."""
    for key in ((1, 2), ("not a day", "P", 1)):
        with pytest.raises(PageKeyError):
            search.search(
                TradeFilter(first_date=TODAY, last_date=TODAY), PageKey(Section.CAPTURED, key), 1
            )


@pytest.mark.parametrize(
    "wanted",
    [
        TradeFilter(),
        TradeFilter(account_id="ACC1", first_date=DAYS[2]),
        TradeFilter(book_id="B1", outcomes=[Outcome.PARKED, Outcome.REJECTED]),
        TradeFilter(outcomes=[Outcome.REJECTED]),
    ],
)
def test_a_look_is_bounded(ledger: Ledger, search: TradeSearch, wanted: TradeFilter) -> None:
    """Every statement says how many rows it reads at most, and few are sent for a page."""
    for book in ("B1", "B2"):
        capture(ledger, *(entry(submission(f"{book}-{n}", book), n) for n in range(1, 20)))
    sent: list[str] = []

    @event.listens_for(ledger.engine, "before_cursor_execute")
    def _note(_c: object, _u: object, statement: str, *_more: object) -> None:
        if statement.lstrip().upper().startswith("SELECT"):
            sent.append(statement.upper())

    search.search(wanted, None, 5)
    assert sent
    assert len(sent) <= 8
    assert all("LIMIT" in statement or "TOP" in statement for statement in sent)


@pytest.mark.parametrize("wanted", [TradeFilter(book_id="1"), TradeFilter(security_id="S")])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_a_page_may_end_within_a_partition(
    ledger: Ledger, search: TradeSearch, wanted: TradeFilter, limit: int
) -> None:
    """The next one goes on behind the same trade, also where partitions are visited one by one."""
    content = [
        Written(account, "1", "S", outcome, DAYS[0])
        for account in ACCOUNTS
        for outcome in (Outcome.CAPTURED, Outcome.PARKED)
        for _ in range(4)
    ]
    there = write(ledger, content)
    found: list[TradeSummary] = []
    after = None
    while not found or after is not None:
        page = search.search(wanted, after, limit)
        found, after = found + page.trades, page.last
    assert found == sorted(there, key=lambda trade: order_of(trade, False))
