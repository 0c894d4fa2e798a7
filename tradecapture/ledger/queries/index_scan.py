"""Index scans: how a search reads each section, in the order of an index."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Row, Select, Table, and_, select

from tradecapture.ledger.queries.trade_filter import (
    PageKey,
    PageKeyError,
    Section,
    TradeFilter,
    TradeSummary,
)
from tradecapture.ledger.rows import EntryId
from tradecapture.ledger.schema.tables import exceptions, partitions, trades
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey, partition_key_range, split_partition_key

# Rows that one statement reads, at most, if no index covers a part of the filter: they take some
# milliseconds. With a much larger limit, PostgreSQL would rather sort a whole partition than read
# its index in order.
MAX_ROWS = 500
# The same if only the documents tell whether a row matches; a document may have 256 KiB.
MAX_DOCUMENTS = 200

_NOT_CAPTURED = frozenset(Outcome) - {Outcome.CAPTURED}
_LEDGER_ORDER = ("partition_key", "ledger_sequence")
_COMMON = ("trade_id", "outcome", "partition_key", "epoch", "position", "accepted_at", "task_id")
_TRADE_COLUMNS = (*_COMMON, "trade_date", "ledger_sequence", "captured_at")
_EXCEPTION_COLUMNS = (*_COMMON, "recorded_at", "reason")
_DOCUMENT = "document"


@dataclass(frozen=True)
class IndexScan:
    """How to read the rows of a section that may match a filter. Pure: only makes statements."""

    section: Section
    table: Table
    order: Sequence[str]  # columns that together identify a row; an index has them in this order
    query: Select[Any]
    matches: Callable[[Row[Any]], bool]  # checks what the query cannot
    max_rows: int | None  # that one statement reads; None: every row matches, read what is needed
    # Which partitions to scan one after the other; None: `query` finds the rows by itself.
    partition_condition: ColumnElement[bool] | None

    @property
    def order_columns(self) -> "list[Column[Any]]":
        """The columns of the order."""
        return [self.table.c[name] for name in self.order]

    @property
    def partition_key(self) -> "Column[str]":
        """The column of the partition key."""
        return self.table.c.partition_key

    def key_of(self, row: Row[Any]) -> tuple[Any, ...]:
        """Return the key of a row: its values in the columns of the order."""
        return tuple(getattr(row, name) for name in self.order)

    def parse_key(self, page_key: PageKey) -> tuple[Any, ...]:
        """Return the key, or the beginning of one, that a page key holds.

        Raises:
            PageKeyError: the page key does not belong to this scan.
        """
        key: list[Any] = list(page_key.key)
        if self.order[0] == "trade_date":
            try:
                key[0] = date.fromisoformat(str(key[0]))
            except ValueError as error:
                raise PageKeyError(str(error)) from None
        types = [self.table.c[name].type.python_type for name in self.order]
        if not all(isinstance(value, kind) for value, kind in zip(key, types, strict=False)):
            raise PageKeyError("the page key belongs to another search")
        return tuple(key[: len(types)])


def scans_for(trade_filter: TradeFilter) -> list[IndexScan]:
    """Return the scans that together find all matching trades, in the order of sections."""
    partition_key = trade_filter.partition_key
    if partition_key is not None and not _has_ids(trade_filter, partition_key):
        return []
    scans = []
    others = _NOT_CAPTURED & set(trade_filter.outcomes)
    if others:
        scans.append(_scan_exceptions(trade_filter, others))
    if Outcome.CAPTURED in trade_filter.outcomes:
        scans.append(_scan_trades(trade_filter))
    return scans


def trade_summary(row: Row[Any]) -> TradeSummary:
    """Return the trade that a scan's row describes."""
    values = {name: value for name, value in row._mapping.items() if name != _DOCUMENT}
    return TradeSummary(**{**values, "outcome": Outcome(row.outcome)})


def _scan_trades(trade_filter: TradeFilter) -> IndexScan:
    columns = trades.c
    first, last = trade_filter.first_date, trade_filter.last_date
    conditions = _key_conditions(columns.partition_key, trade_filter)
    partition_condition = _partition_condition(trade_filter)
    one_day = first is not None and first == last
    by_date = trade_filter.has_dates and partition_condition is None and (one_day or not conditions)
    if one_day:
        conditions.append(columns.trade_date == first)
    elif by_date:
        conditions += [columns.trade_date >= first] if first is not None else []
        conditions += [columns.trade_date <= last] if last is not None else []
    rest_has_dates = trade_filter.has_dates and not (by_date or one_day)
    return _scan(
        Section.CAPTURED,
        trades,
        ("trade_date", *_LEDGER_ORDER) if by_date else _LEDGER_ORDER,
        _TRADE_COLUMNS,
        conditions,
        partition_condition,
        (lambda row: trade_filter.includes(row.trade_date)) if rest_has_dates else None,
        MAX_ROWS,
    )


def _scan_exceptions(trade_filter: TradeFilter, outcomes: frozenset[Outcome]) -> IndexScan:
    conditions = _key_conditions(exceptions.c.partition_key, trade_filter)
    values = frozenset(outcome.value for outcome in outcomes)
    if len(values) == 1:
        conditions.append(exceptions.c.outcome == next(iter(values)))
    columns: Sequence[str] = _EXCEPTION_COLUMNS
    matches, max_rows = None, MAX_ROWS
    if trade_filter.has_dates:
        columns, max_rows = (*_EXCEPTION_COLUMNS, _DOCUMENT), MAX_DOCUMENTS

        def matches(row: Row[Any]) -> bool:
            return row.outcome in values and _includes_document(trade_filter, row.document)

    elif 1 < len(values) < len(_NOT_CAPTURED):

        def matches(row: Row[Any]) -> bool:
            return row.outcome in values

    return _scan(
        Section.EXCEPTIONS,
        exceptions,
        EntryId._fields,
        columns,
        conditions,
        _partition_condition(trade_filter),
        matches,
        max_rows,
    )


def _scan(
    section: Section,
    table: Table,
    order: Sequence[str],
    columns: Sequence[str],
    conditions: Sequence[ColumnElement[bool]],
    partition_condition: ColumnElement[bool] | None,
    matches: Callable[[Row[Any]], bool] | None,
    max_rows: int,
) -> IndexScan:
    """Return a scan; without `matches`, every row that the query reads does match."""
    query = select(*(table.c[name] for name in columns)).where(*conditions)
    return IndexScan(
        section,
        table,
        order,
        query.order_by(*(table.c[name] for name in order)),
        matches or (lambda _row: True),
        None if matches is None else max_rows,
        partition_condition,
    )


def _key_conditions(column: "Column[str]", trade_filter: TradeFilter) -> list[ColumnElement[bool]]:
    """Return the conditions on the partition key; an account's keys are a range of them."""
    if trade_filter.partition_key is not None:
        return [column == trade_filter.partition_key]
    if trade_filter.account_id is not None:
        low, high = partition_key_range(trade_filter.account_id, trade_filter.book_id)
        return [column >= low, column < high]
    return []


def _has_ids(trade_filter: TradeFilter, partition_key: PartitionKey) -> bool:
    """Return whether a partition has the filter's account, book and security."""
    wanted = (trade_filter.account_id, trade_filter.book_id, trade_filter.security_id)
    ids = split_partition_key(partition_key)
    return all(one is None or one == other for one, other in zip(wanted, ids, strict=True))


def _partition_condition(trade_filter: TradeFilter) -> ColumnElement[bool] | None:
    """Return the condition on the partitions to scan one after the other; None: scan no such way.

    The partitions of a security, or of a book without its account, are no range of keys.
    """
    account_id, book_id = trade_filter.account_id, trade_filter.book_id
    book_alone = book_id is not None and account_id is None
    if trade_filter.partition_key is not None:
        return None
    if trade_filter.security_id is None and not book_alone:
        return None
    conditions = _key_conditions(partitions.c.partition_key, trade_filter)
    if trade_filter.security_id is not None:
        conditions.append(partitions.c.security_id == trade_filter.security_id)
    if book_alone:
        conditions.append(partitions.c.book_id == book_id)
    return and_(*conditions)


class _Dated(msgspec.Struct, rename="camel"):
    trade_date: str


_decode = msgspec.json.Decoder(_Dated).decode


def _includes_document(trade_filter: TradeFilter, document: str) -> bool:
    try:
        return trade_filter.includes(date.fromisoformat(_decode(document).trade_date))
    except (msgspec.DecodeError, ValueError):
        return False  # the trade is parked because its document is unreadable
