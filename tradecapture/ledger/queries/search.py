"""The search: trades of the ledger that fit a filter, a page at a time, whatever their outcome."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, select

from tradecapture.ledger.queries.index_scan import IndexScan, found_trade, scans_for
from tradecapture.ledger.queries.keyset import read_after
from tradecapture.ledger.queries.reader import LedgerReader
from tradecapture.ledger.queries.trade_filter import PageKey, Section, TradeFilter, TradePage
from tradecapture.ledger.schema.tables import partitions
from tradecapture.trades.partition import PartitionKey

# Partitions of a book or a security that are looked up at once, and trades that these may hold
# before they are read on their own: together they bound a statement, whatever the database's plan.
PARTITIONS_AT_ONCE = 50
TRADES_AT_ONCE = 5000


class _ScanRange(NamedTuple):
    """A part of a walk that one look reads."""

    condition: ColumnElement[bool] | None  # None: the walk's own is enough
    parameters: dict[str, Any]
    behind: Sequence[Any]  # where in it to begin: behind this key, or a part of one
    end: Sequence[Any] | None  # where the walk goes on behind it; None: the walk ends with it


class TradeSearch(LedgerReader):
    """Finds trades. It never locks, and a look at the ledger is bounded whatever is asked for."""

    def search(
        self,
        wanted: TradeFilter,
        after: PageKey | None,
        limit: int,
        may_go_on: Callable[[], bool] = lambda: True,
    ) -> TradePage:
        """Return a page of the trades that fit, first those that were not captured.

        Each section is in the order of its partitions' keys and, within a partition, in the order
        of acceptance or of the ledger; captured trades of several days alone are in the order of
        the days. A trade that is captured between two pages moves behind the mark, so that it is
        shown again; none is left out.

        Args:
            wanted: what must fit.
            after: the mark of the page before.
            limit: trades, at most.
            may_go_on: asked after each look; if not, the page ends with what was found, which may
                be nothing, and with a mark.

        Raises:
            MarkError: the mark is of another search.
        """
        found: list[tuple[IndexScan, Row[Any]]] = []
        with self._read() as connection:
            for walk in scans_for(wanted):
                if after is not None and walk.section < after.section:
                    continue
                behind: Sequence[Any] = ()
                if after is not None and walk.section == after.section:
                    behind = walk.key_of_mark(after)
                for rows, end in self._looks(connection, walk, behind, limit + 1 - len(found)):
                    found += ((walk, row) for row in rows)
                    if len(found) > limit:
                        return _page(found[:limit], _mark_at(*found[limit - 1]))
                    if end is not None and not may_go_on():
                        return _page(found, PageKey.of(walk.section, end))
        return _page(found, None)

    def _looks(
        self, connection: Connection, walk: IndexScan, behind: Sequence[Any], most: int
    ) -> Iterator[tuple[list[Row[Any]], Sequence[Any] | None]]:
        """Yield what each look finds, and the key behind which the next one goes on, if one does.

        Whoever asks stops at more trades than were wanted.
        """
        while True:
            stretch = self._stretch(connection, walk, behind)
            if stretch is None:
                return
            at_most = walk.examined or most
            query = walk.query
            if stretch.condition is not None:
                query = query.where(stretch.condition)
            read = read_after(
                connection, query, walk.columns, stretch.behind, at_most, stretch.parameters
            )
            end = walk.key_of(read[-1]) if len(read) == at_most else stretch.end
            yield [row for row in read if walk.fits(row)], end
            if end is None:
                return
            behind = end

    def _stretch(
        self, connection: Connection, walk: IndexScan, behind: Sequence[Any]
    ) -> _ScanRange | None:
        """Return the next part of a walk; None: it has ended."""
        if walk.of_partitions is None:
            return _ScanRange(None, {}, behind, None)
        columns = partitions.c
        query = select(columns.partition_key, columns.last_sequence).where(walk.of_partitions)
        if behind:
            # The whole key of a trade: there may be more of its partition.
            here = columns.partition_key
            query = query.where(here >= behind[0] if len(behind) > 1 else here > behind[0])
        rows = connection.execute(
            query.order_by(columns.partition_key).limit(PARTITIONS_AT_ONCE)
        ).all()
        if not rows:
            return None
        partition_keys: list[PartitionKey] = []
        trades = 0
        for key, captured in rows:
            trades += captured if walk.section is Section.CAPTURED else 1
            if partition_keys and (
                trades > TRADES_AT_ONCE or (behind and partition_keys[0] == behind[0])
            ):
                break
            partition_keys.append(key)
        if len(partition_keys) == 1:
            inside = behind if behind and behind[0] == partition_keys[0] else ()
            return _ScanRange(walk.partition_key == partition_keys[0], {}, inside, partition_keys)
        among = self._dialect.among(walk.partition_key, "keys")
        return _ScanRange(
            among, {"keys": self._dialect.array(partition_keys)}, (), partition_keys[-1:]
        )


def _mark_at(walk: IndexScan, row: Row[Any]) -> PageKey:
    return PageKey.of(walk.section, walk.key_of(row))


def _page(found: Sequence[tuple[IndexScan, Row[Any]]], last: PageKey | None) -> TradePage:
    return TradePage([found_trade(row) for _walk, row in found], last)
