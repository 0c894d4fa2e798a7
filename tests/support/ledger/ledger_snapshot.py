"""Reading the ledger's tables whole, and capturing into them with a fixed clock."""

from decimal import Decimal
from typing import Any

from sqlalchemy import Engine, Table, func, select

from tests.support.builders import NOW, PARTITION, claim, entries, submissions
from tradecapture.inbox import Entry
from tradecapture.ledger import ExceptionRow, Ledger, PartitionResult, PartitionRow, TradeRow
from tradecapture.ledger.dialects import READ_ONLY
from tradecapture.ledger.schema.tables import exceptions, partitions, trades
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey

TASK = "task-1"


def capture(
    ledger: Ledger, *claimed: Entry, fence: int = 1, task_id: str = TASK
) -> list[PartitionResult]:
    """Capture some entries in one transaction, as one claim."""
    return ledger.capture(claim(*claimed, fence=fence), task_id, lambda: NOW)


def captured(partition_key: PartitionKey, number: int) -> PartitionResult:
    """Return the result of a partition of which so many trades were captured."""
    return PartitionResult(partition_key, number, {Outcome.CAPTURED: number})


def nothing_new(partition_key: PartitionKey, number: int) -> PartitionResult:
    """Return the result of a partition whose trades the ledger already had."""
    return PartitionResult(partition_key, number, {})


def all_rows(engine: Engine, table: Table) -> list[Any]:
    """Return all rows of a table, in the order of its primary key."""
    query = select(*table.columns).order_by(*table.primary_key.columns)
    with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        return list(connection.execute(query))


def trade_rows(ledger: Ledger) -> list[TradeRow]:
    """Return the captured trades, by partition and sequence."""
    rows = [TradeRow._make(row) for row in all_rows(ledger.engine, trades)]
    return sorted(rows, key=lambda row: (row.partition_key, row.ledger_sequence))


def exception_rows(ledger: Ledger) -> list[ExceptionRow]:
    """Return the recorded trades that are not captured."""
    return [ExceptionRow._make(row) for row in all_rows(ledger.engine, exceptions)]


def partition_row(ledger: Ledger, partition: str = PARTITION) -> PartitionRow:
    """Return a partition's row."""
    query = select(*(partitions.c[name] for name in PartitionRow._fields))
    with ledger.engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        found = connection.execute(query.where(partitions.c.partition_key == partition))
        return PartitionRow._make(found.one())


def contents(ledger: Ledger) -> list[Any]:
    """Return everything in the ledger but the times at which partitions were updated."""
    touched = partitions.c.updated_at
    query = select(*(column for column in partitions.columns if column is not touched))
    with ledger.engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        rows = list(connection.execute(query.order_by(partitions.c.partition_key)))
    return [rows, trade_rows(ledger), exception_rows(ledger)]


def count(engine: Engine, table: Table) -> int:
    """Return how many rows a table has."""
    with engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def waiting_trades(number: int, book: str = "BOOK1", first: int = 1) -> list[Entry]:
    """Return some trades of one partition as they wait, from a position on."""
    return entries(submissions(number, book, first), first)


def shares(ledger: Ledger, partition: str = PARTITION) -> Decimal:
    """Return a partition's net quantity."""
    return partition_row(ledger, partition).net_quantity
