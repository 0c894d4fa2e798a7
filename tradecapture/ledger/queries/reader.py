"""The reading side of the ledger: a trade, the desk's positions, the sums to reconcile."""

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
    """How many accepted trades of a partition and epoch ended in one way."""

    partition_key: PartitionKey
    epoch: int
    outcome: Outcome
    trades: int
    last_position: int
    first_position: int = 1


class LedgerReader:
    """Queries for status, operators and reports. They never lock."""

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
        found: dict[str, Outcome] = {}
        with self._read() as connection:
            for table in (exceptions, trades):  # captured wins over an earlier exception
                among = self._dialect.among(table.c.trade_id, "ids")
                ended = table.c.outcome != Outcome.BUFFERED.value
                rows = connection.execute(
                    select(table.c.trade_id, table.c.outcome).where(among, ended), parameter
                )
                found |= {trade_id: Outcome(outcome) for trade_id, outcome in rows}
        return found

    def positions(
        self, *, account_id: str | None = None, limit: int | None = None
    ) -> list[PartitionRow]:
        """Return partitions as the ledger has them, by key."""
        query = select(*(partitions.c[name] for name in PartitionRow._fields))
        if account_id is not None:
            query = query.where(partitions.c.account_id == account_id)
        query = query.order_by(partitions.c.partition_key).limit(limit)
        with self._read() as connection:
            return [PartitionRow._make(row) for row in connection.execute(query)]

    def partition(self, partition_key: PartitionKey) -> PartitionRow | None:
        """Return one partition as the ledger has it; None: it has nothing of it."""
        query = select(*(partitions.c[name] for name in PartitionRow._fields))
        with self._read() as connection:
            row = connection.execute(
                query.where(partitions.c.partition_key == partition_key)
            ).first()
            return PartitionRow._make(row) if row else None

    def outcome_counts(self) -> list[OutcomeCount]:
        """Return the sums that `reconcile` compares with what was accepted."""
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

    def inversions(self) -> int:
        """Count trades that stand in the ledger after one that was accepted later; 0 is right.

        Trades that waited in the ledger for their turn stand by upstream's numbers, and not by the
        order in which they were accepted: for them, the numbers must rise.
        """
        # Worked out from the trades themselves, so that it also finds what the counter in the
        # partition's row would have missed.
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

    def gaps(self) -> int:
        """Count partitions whose ledger sequence is not 1, 2, 3 ... without gaps; 0 is right."""
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

    def captures(self) -> list[tuple[str, datetime]]:
        """Return the id of every captured trade and when it was captured, in no order."""
        query = select(trades.c.trade_id, trades.c.captured_at)
        with self._read() as connection:
            return [(trade_id, at) for trade_id, at in connection.execute(query)]

    def exceptions(self) -> list[tuple[str, Outcome]]:
        """Return the id and the outcome of every accepted trade that was not captured."""
        query = select(exceptions.c.trade_id, exceptions.c.outcome)
        with self._read() as connection:
            return [(trade_id, Outcome(outcome)) for trade_id, outcome in connection.execute(query)]

    def ping(self) -> None:
        """Ask the database for nothing.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it does not answer.
        """
        with self._read() as connection:
            connection.execute(select(1))

    def server_findings(self) -> dict[str, str]:
        """Return what `doctor` should know of the server."""
        with self._read() as connection:
            return self._dialect.server_findings(connection)

    def replication_facts(self) -> dict[str, str]:
        """Return the database's part in replication; see the dialects."""
        with self._read() as connection:
            return self._dialect.replication_facts(connection)

    @contextmanager
    def _read(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(**{READ_ONLY: True}) as connection:
            yield connection


def _count_out_of_order(names: Sequence[str], among: ColumnElement[bool]) -> Select[int]:
    """Return the query that counts trades not above their predecessor in the ledger's order."""
    here = [trades.c[name].label(name) for name in names]
    before = [
        func.lag(trades.c[name])
        .over(partition_by=trades.c.partition_key, order_by=trades.c.ledger_sequence)
        .label(f"{name}_before")
        for name in names
    ]
    rows = select(*here, *before).where(among).subquery()
    *higher, last = names
    wrong = rows.c[last] <= rows.c[f"{last}_before"]
    for name in reversed(higher):
        this, that = rows.c[name], rows.c[f"{name}_before"]
        wrong = (this < that) | ((this == that) & wrong)
    return select(func.count()).select_from(rows).where(wrong)
