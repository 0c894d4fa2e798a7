"""The search: finds trades by a filter, page by page, whatever their outcome."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, select

from tradecapture.ledger.queries.index_scan import IndexScan, scans_for, trade_summary
from tradecapture.ledger.queries.keyset import read_after
from tradecapture.ledger.queries.reader import LedgerReader
from tradecapture.ledger.queries.trade_filter import PageKey, Section, TradeFilter, TradePage
from tradecapture.ledger.schema.tables import partitions
from tradecapture.trades.partition import PartitionKey

# How many partitions of a book or a security one statement scans, and how many trades these may
# hold together; a larger partition is scanned alone. Both bound a statement, whatever plan the
# database chooses.
MAX_PARTITIONS = 50
MAX_TRADES = 5000


class _ScanRange(NamedTuple):
    """The part of a scan that one step reads."""

    condition: ColumnElement[bool] | None  # added to the scan's query; None: the query is enough
    parameters: dict[str, Any]
    after: Sequence[Any]  # key, or the beginning of one, after which to begin
    end: Sequence[Any] | None  # key after which the scan continues; None: this is its last part


class _Step(NamedTuple):
    """What one step of a scan has read."""

    rows: list[Row[Any]]  # that match
    end: Sequence[Any] | None  # key after which the scan continues; None: it has ended


class TradeSearch(LedgerReader):
    """Finds trades. It never locks, and each of its statements is bounded, whatever the filter."""

    def search(
        self,
        trade_filter: TradeFilter,
        after: PageKey | None,
        limit: int,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> TradePage:
        """Return a page of the trades that match, those that are not captured first.

        The order within a section is by partition key and, within a partition, by acceptance or by
        ledger sequence. Captured trades of several days are in the order of the days if the filter
        has nothing but dates and outcomes. A trade that is captured between two pages moves to a
        later page, where it is shown again; no trade is left out.

        Args:
            trade_filter: which trades to find.
            after: the page key of the page before.
            limit: trades, at most.
            may_go_on: asked after each step of a scan; if it says no, the page ends with what was
                found so far, which may be nothing, and with a page key.

        Raises:
            PageKeyError: the page key belongs to another search.
        """
        hits: list[tuple[IndexScan, Row[Any]]] = []
        with self._read() as connection:
            for scan in scans_for(trade_filter):
                if after is not None and scan.section < after.section:
                    continue
                key: Sequence[Any] = ()
                if after is not None and scan.section == after.section:
                    key = scan.parse_key(after)
                for step in self._steps(connection, scan, key, limit + 1 - len(hits)):
                    hits += ((scan, row) for row in step.rows)
                    if len(hits) > limit:
                        last_scan, last_row = hits[limit - 1]
                        last = PageKey.of(last_scan.section, last_scan.key_of(last_row))
                        return _page(hits[:limit], last)
                    if step.end is not None and not may_go_on():
                        return _page(hits, PageKey.of(scan.section, step.end))
        return _page(hits, None)

    def _steps(
        self, connection: Connection, scan: IndexScan, after: Sequence[Any], max_matches: int
    ) -> Iterator[_Step]:
        """Yield the steps of a scan after a key; the caller needs `max_matches` rows at most."""
        while True:
            part = self._next_range(connection, scan, after)
            if part is None:
                return
            limit = scan.max_rows or max_matches
            query = scan.query
            if part.condition is not None:
                query = query.where(part.condition)
            rows = read_after(
                connection, query, scan.order_columns, part.after, limit, part.parameters
            )
            end = scan.key_of(rows[-1]) if len(rows) == limit else part.end
            yield _Step([row for row in rows if scan.matches(row)], end)
            if end is None:
                return
            after = end

    def _next_range(
        self, connection: Connection, scan: IndexScan, after: Sequence[Any]
    ) -> _ScanRange | None:
        """Return the part of a scan that follows a key; None: the scan has ended."""
        if scan.partition_condition is None:
            return _ScanRange(None, {}, after, None)
        condition = scan.partition_condition
        partition_keys = self._next_partitions(connection, scan, condition, after)
        if not partition_keys:
            return None
        if len(partition_keys) == 1:
            (partition_key,) = partition_keys
            inside = after if after and after[0] == partition_key else ()
            return _ScanRange(scan.partition_key == partition_key, {}, inside, partition_keys)
        among = self._dialect.among(scan.partition_key, "keys")
        parameters = {"keys": self._dialect.array(partition_keys)}
        return _ScanRange(among, parameters, (), partition_keys[-1:])

    def _next_partitions(
        self,
        connection: Connection,
        scan: IndexScan,
        condition: ColumnElement[bool],
        after: Sequence[Any],
    ) -> list[PartitionKey]:
        """Return the next partitions to scan with one statement; a begun one is scanned alone."""
        columns = partitions.c
        column = columns.partition_key
        query = select(column, columns.last_sequence).where(condition)
        if after:
            # After the key of a trade there may be more trades of its partition; a partition key
            # alone means that the partition is done.
            query = query.where(column >= after[0] if len(after) > 1 else column > after[0])
        rows = connection.execute(query.order_by(column).limit(MAX_PARTITIONS)).all()
        partition_keys: list[PartitionKey] = []
        trades = 0
        for key, captured in rows:
            trades += captured if scan.section is Section.CAPTURED else 1
            begun = bool(after) and partition_keys[:1] == [after[0]]
            if partition_keys and (trades > MAX_TRADES or begun):
                break
            partition_keys.append(key)
        return partition_keys


def _page(hits: Sequence[tuple[IndexScan, Row[Any]]], last: PageKey | None) -> TradePage:
    return TradePage([trade_summary(row) for _scan, row in hits], last)
