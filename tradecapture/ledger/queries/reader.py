"""Queries for clients and reports: trades, outcomes, partitions, and the counts to reconcile."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Engine, Select, func, select

from tradecapture.ledger.dialects import READ_ONLY, LedgerDialect
from tradecapture.ledger.rows import ExceptionRow, PartitionRow, TradeRow
from tradecapture.ledger.schema.tables import exceptions, partitions, trades
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey


class OutcomeCount(NamedTuple):
    """How many accepted trades of a partition and epoch have one outcome."""

    partition_key: PartitionKey
    epoch: int
    outcome: Outcome
    trades: int
    last_position: int
    first_position: int = 1


class LedgerReader:
    """Queries for the status of trades and for reports. They take no locks."""

    def __init__(self, engine: Engine, dialect: LedgerDialect) -> None:
        self.engine, self._dialect = engine, dialect

    def trade(self, trade_id: str) -> TradeRow | ExceptionRow | None:
        """Return a captured trade; failing that its last exception; failing that None."""
        captured = select(*trades.columns).where(trades.c.trade_id == trade_id)
        other = (
            select(*exceptions.columns)
            .where(exceptions.c.trade_id == trade_id)
            .order_by(exceptions.c.recorded_at.desc())
        )
        with self._read() as connection:
            if row := connection.execute(captured).first():
                return TradeRow._make(row)
            row = connection.execute(other).first()
            return ExceptionRow._make(row) if row else None

    def outcomes(self, trade_ids: Sequence[str]) -> dict[str, Outcome]:
        """Return the outcome of each of many trades that has one; a buffered one has none yet."""
        parameter = {"ids": self._dialect.array(trade_ids)}
        outcomes: dict[str, Outcome] = {}
        with self._read() as connection:
            for table in (exceptions, trades):  # captured wins over an earlier exception
                among = self._dialect.among(table.c.trade_id, "ids")
                is_final = table.c.outcome != Outcome.BUFFERED.value
                rows = connection.execute(
                    select(table.c.trade_id, table.c.outcome).where(among, is_final), parameter
                )
                outcomes |= {trade_id: Outcome(outcome) for trade_id, outcome in rows}
        return outcomes

    def partitions(
        self, *, account_id: str | None = None, limit: int | None = None
    ) -> list[PartitionRow]:
        """Return the rows of partitions, of all accounts or one, in the order of their keys."""
        query = select(*(partitions.c[name] for name in PartitionRow._fields))
        if account_id is not None:
            query = query.where(partitions.c.account_id == account_id)
        query = query.order_by(partitions.c.partition_key).limit(limit)
        with self._read() as connection:
            return [PartitionRow._make(row) for row in connection.execute(query)]

    def partition(self, partition_key: PartitionKey) -> PartitionRow | None:
        """Return the row of a partition; None: the ledger has nothing of it."""
        query = select(*(partitions.c[name] for name in PartitionRow._fields))
        with self._read() as connection:
            row = connection.execute(
                query.where(partitions.c.partition_key == partition_key)
            ).first()
            return PartitionRow._make(row) if row else None

    def outcome_counts(self) -> list[OutcomeCount]:
        """Return the counts that `reconcile` compares with what was accepted."""
        counts = []
        with self._read() as connection:
            for table in (trades, exceptions):
                by = (table.c.partition_key, table.c.epoch, table.c.outcome)
                position = table.c.position
                sums = (func.count(), func.max(position), func.min(position))
                counts += [
                    OutcomeCount(partition_key, epoch, Outcome(outcome), *numbers)
                    for partition_key, epoch, outcome, *numbers in connection.execute(
                        select(*by, *sums).group_by(*by)
                    )
                ]
        return counts

    def count_inversions(self) -> int:
        """Count trades that the ledger has after one that was accepted later; 0 is right.

        A trade that was buffered has its place by its upstream number, not by its acceptance. So
        numbered trades count as inversions, too, if their number is not above the one before.
        """
        # From the trades, not from the counters in the partitions' rows: those may be wrong.
        at_once = trades.c.buffered_at.is_(None)
        numbered = trades.c.sequence_number.is_not(None)
        with self._read() as connection:
            return sum(
                connection.execute(query).scalar_one()
                for query in (
                    _count_out_of_order(("epoch", "position"), at_once),
                    _count_out_of_order(("sequence_number",), numbered),
                )
            )

    def count_broken_sequences(self) -> int:
        """Count partitions whose ledger sequence is not 1, 2, 3 ... without a gap; 0 is right."""
        sequences = (
            select(
                func.count().label("trades"),
                func.min(trades.c.ledger_sequence).label("first"),
                func.max(trades.c.ledger_sequence).label("last"),
            )
            .group_by(trades.c.partition_key)
            .subquery()
        )
        wrong = (sequences.c.first != 1) | (sequences.c.last != sequences.c.trades)
        with self._read() as connection:
            return connection.execute(
                select(func.count()).select_from(sequences).where(wrong)
            ).scalar_one()

    def capture_times(self) -> list[tuple[str, datetime]]:
        """Return the id of every captured trade and when it was captured, in no order."""
        query = select(trades.c.trade_id, trades.c.captured_at)
        with self._read() as connection:
            return [(trade_id, at) for trade_id, at in connection.execute(query)]

    def exception_outcomes(self) -> list[tuple[str, Outcome]]:
        """Return the id and the outcome of every accepted trade that is not captured."""
        query = select(exceptions.c.trade_id, exceptions.c.outcome)
        with self._read() as connection:
            return [(trade_id, Outcome(outcome)) for trade_id, outcome in connection.execute(query)]

    def ping(self) -> None:
        """Check that the database answers.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it does not.
        """
        with self._read() as connection:
            connection.execute(select(1))

    def server_findings(self) -> dict[str, str]:
        """Return the server's settings that `doctor` assesses: name -> value."""
        with self._read() as connection:
            return self._dialect.server_findings(connection)

    def replication_facts(self) -> dict[str, str]:
        """Return the database's part in replication; see `LedgerDialect.replication_facts`."""
        with self._read() as connection:
            return self._dialect.replication_facts(connection)

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            yield connection


def _count_out_of_order(names: Sequence[str], among: ColumnElement[bool]) -> Select[int]:
    """Return the query that counts trades whose values are not above their predecessor's.

    The predecessor is the trade before in the partition's ledger sequence.
    """
    here = [trades.c[name].label(name) for name in names]
    before = [
        func.lag(trades.c[name])
        .over(partition_by=trades.c.partition_key, order_by=trades.c.ledger_sequence)
        .label(f"{name}_before")
        for name in names
    ]
    rows = select(*here, *before).where(among).subquery()
    *first, last = names
    wrong = rows.c[last] <= rows.c[f"{last}_before"]
    for name in reversed(first):
        value, value_before = rows.c[name], rows.c[f"{name}_before"]
        wrong = (value < value_before) | ((value == value_before) & wrong)
    return select(func.count()).select_from(rows).where(wrong)
