"""The walk: one table of trades in the order of an index, so that a late page costs as an early."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import msgspec
from sqlalchemy import Column, ColumnElement, Row, Select, Table, and_, select

from tradecapture.ledger.queries.trade_filter import (
    MarkError,
    PageKey,
    Section,
    TradeFilter,
    TradeSummary,
)
from tradecapture.ledger.rows import EntryId
from tradecapture.ledger.schema.tables import exceptions, partitions, trades
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey, partition_key_range, split_partition_key

# Rows that a look reads where a part of what is asked for is in no index: some milliseconds. For
# many more of them PostgreSQL would rather sort a whole partition than read its index in order.
EXAMINED = 500
# The same where it stands in the documents only, each of which may have 256 KiB.
EXAMINED_DOCUMENTS = 200

NOT_CAPTURED = frozenset(Outcome) - {Outcome.CAPTURED}

_SEQUENCE = ("partition_key", "ledger_sequence")
_BOTH = ("trade_id", "outcome", "partition_key", "epoch", "position", "accepted_at", "task_id")
_OF_CAPTURED = (*_BOTH, "trade_date", "ledger_sequence", "captured_at")
_OF_EXCEPTION = (*_BOTH, "recorded_at", "reason")
_DOCUMENT = "document"


@dataclass(frozen=True)
class IndexScan:
    """The rows of a section that may fit, in their order. Pure: it makes statements only."""

    section: Section
    table: Table
    order: Sequence[str]  # columns that tell any two rows apart, as an index has them
    query: Select[Any]
    fits: Callable[[Row[Any]], bool]  # whether a row is wanted; the query cannot say all of it
    examined: int | None  # rows that a look reads at most; None: as many as are wanted
    of_partitions: ColumnElement[bool] | None  # the partitions it visits; None: it goes by itself

    @property
    def columns(self) -> "list[Column[Any]]":
        """The columns of the order."""
        return [self.table.c[name] for name in self.order]

    @property
    def partition_key(self) -> "Column[str]":
        """The column of the partition's key."""
        return self.table.c.partition_key

    def key_of(self, row: Row[Any]) -> tuple[Any, ...]:
        """Return where a row stands."""
        return tuple(getattr(row, name) for name in self.order)

    def key_of_mark(self, mark: PageKey) -> tuple[Any, ...]:
        """Return the place that a mark notes.

        Raises:
            MarkError: it is no place in this walk.
        """
        key: list[Any] = list(mark.key)
        if self.order[0] == "trade_date":
            try:
                key[0] = date.fromisoformat(str(key[0]))
            except ValueError as error:
                raise MarkError(str(error)) from None
        kinds = [self.table.c[name].type.python_type for name in self.order]
        if not all(isinstance(value, kind) for value, kind in zip(key, kinds, strict=False)):
            raise MarkError("a mark of another walk")
        return tuple(key[: len(kinds)])


def scans_for(wanted: TradeFilter) -> list[IndexScan]:
    """Return the walks through which all trades that fit are found, in the order of sections."""
    if wanted.partition_key is not None and not _agrees(wanted, wanted.partition_key):
        return []
    walks = []
    others = NOT_CAPTURED & set(wanted.outcomes)
    if others:
        walks.append(_of_exceptions(wanted, others))
    if Outcome.CAPTURED in wanted.outcomes:
        walks.append(_of_captured(wanted))
    return walks


def found_trade(row: Row[Any]) -> TradeSummary:
    """Return what a row says of a trade."""
    values = {name: value for name, value in row._mapping.items() if name != _DOCUMENT}
    return TradeSummary(**{**values, "outcome": Outcome(row.outcome)})


def _of_captured(wanted: TradeFilter) -> IndexScan:
    columns = trades.c
    conditions = _on_keys(columns.partition_key, wanted)
    visits = _visited_partitions(wanted)
    one_day = wanted.first_date is not None and wanted.first_date == wanted.last_date
    by_days = wanted.has_dates and visits is None and (one_day or not conditions)
    if by_days or one_day:
        if wanted.first_date is not None:
            first = columns.trade_date >= wanted.first_date
            conditions.append(columns.trade_date == wanted.first_date if one_day else first)
        if wanted.last_date is not None and not one_day:
            conditions.append(columns.trade_date <= wanted.last_date)
    loose = wanted.has_dates and not (by_days or one_day)
    return _walk(
        Section.CAPTURED,
        trades,
        ("trade_date", *_SEQUENCE) if by_days else _SEQUENCE,
        _OF_CAPTURED,
        conditions,
        visits,
        (lambda row: wanted.includes(row.trade_date)) if loose else None,
        EXAMINED,
    )


def _of_exceptions(wanted: TradeFilter, outcomes: frozenset[Outcome]) -> IndexScan:
    conditions = _on_keys(exceptions.c.partition_key, wanted)
    texts = frozenset(outcome.value for outcome in outcomes)
    if len(texts) == 1:
        conditions.append(exceptions.c.outcome == next(iter(texts)))
    names: Sequence[str] = _OF_EXCEPTION
    fits, examined = None, EXAMINED
    if wanted.has_dates:
        names, examined = (*_OF_EXCEPTION, _DOCUMENT), EXAMINED_DOCUMENTS

        def fits(row: Row[Any]) -> bool:
            return row.outcome in texts and _is_of_a_day(row.document, wanted)

    elif 1 < len(texts) < len(NOT_CAPTURED):

        def fits(row: Row[Any]) -> bool:
            return row.outcome in texts

    return _walk(
        Section.EXCEPTIONS,
        exceptions,
        EntryId._fields,
        names,
        conditions,
        _visited_partitions(wanted),
        fits,
        examined,
    )


def _walk(
    section: Section,
    table: Table,
    order: Sequence[str],
    names: Sequence[str],
    conditions: Sequence[ColumnElement[bool]],
    visits: ColumnElement[bool] | None,
    fits: Callable[[Row[Any]], bool] | None,
    examined: int,
) -> IndexScan:
    query = select(*(table.c[name] for name in names)).where(*conditions)
    query = query.order_by(*(table.c[name] for name in order))
    every = fits is None
    return IndexScan(
        section,
        table,
        order,
        query,
        fits or (lambda _row: True),
        None if every else examined,
        visits,
    )


def _on_keys(column: "Column[str]", wanted: TradeFilter) -> list[ColumnElement[bool]]:
    """Return what partition and account say of keys: an account's are a range of them."""
    found: list[ColumnElement[bool]] = []
    if wanted.partition_key is not None:
        found.append(column == wanted.partition_key)
    elif wanted.account_id is not None:
        low, high = partition_key_range(wanted.account_id, wanted.book_id)
        found += [column >= low, column < high]
    return found


def _agrees(wanted: TradeFilter, partition_key: PartitionKey) -> bool:
    """Return whether a partition is of the account, book and security that are asked for."""
    asked = (wanted.account_id, wanted.book_id, wanted.security_id)
    ids = split_partition_key(partition_key)
    return all(one is None or one == other for one, other in zip(asked, ids, strict=True))


def _visited_partitions(wanted: TradeFilter) -> ColumnElement[bool] | None:
    """Return the condition on the partitions to visit one after the other, if need be.

    A book alone, or a security, may be any partition's.
    """
    if wanted.partition_key is not None:
        return None
    if wanted.security_id is None and (wanted.book_id is None or wanted.account_id is not None):
        return None
    conditions = _on_keys(partitions.c.partition_key, wanted)
    if wanted.security_id is not None:
        conditions.append(partitions.c.security_id == wanted.security_id)
    if wanted.book_id is not None and wanted.account_id is None:
        conditions.append(partitions.c.book_id == wanted.book_id)
    return and_(*conditions)


class _Dated(msgspec.Struct, rename="camel"):
    trade_date: str


_decode = msgspec.json.Decoder(_Dated).decode


def _is_of_a_day(document: str, wanted: TradeFilter) -> bool:
    try:
        return wanted.includes(date.fromisoformat(_decode(document).trade_date))
    except (msgspec.DecodeError, ValueError):
        return False  # parked because it cannot be read
