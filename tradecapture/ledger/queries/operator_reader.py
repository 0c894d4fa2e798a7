"""Queries for operators: held partitions, recorded trades, gaps in upstream numbers, the audit."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from tradecapture.ledger import check_schema
from tradecapture.ledger.engine import open_engine
from tradecapture.ledger.queries.keyset import read_after
from tradecapture.ledger.queries.reader import LedgerReader
from tradecapture.ledger.rows import AuditRow, EntryId, ExceptionRow, PartitionRow
from tradecapture.ledger.schema.tables import audit, exceptions, partitions, trades
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey

REPLAYABLE = (Outcome.PARKED, Outcome.REJECTED)

_ENTRY_ID = tuple(exceptions.c[name] for name in EntryId._fields)


class SequenceGap(NamedTuple):
    """A gap in the upstream numbers of a partition: buffered trades wait for the missing ones."""

    partition_key: PartitionKey
    upstream_number: int  # that the partition has reached
    lowest: int  # buffered number; those between the two are missing
    buffered: int  # trades
    oldest: datetime  # when the first of them was buffered


class ExceptionFilter(NamedTuple):
    """Which recorded trades to read; every condition that is not None or empty must match."""

    trade_ids: Sequence[str] = ()
    outcomes: Sequence[Outcome] = REPLAYABLE
    partition_key: PartitionKey | None = None
    account_id: str | None = None
    since: datetime | None = None  # recorded at or after it
    until: datetime | None = None  # recorded before it
    reason: str | None = None  # a part of the reason
    after: EntryId | None = None  # the last trade of the page before


def find_parked_trade(
    connection: Connection, partition_key: PartitionKey, epoch: int, position: int
) -> ExceptionRow | None:
    """Return the trade that is parked at a position of a partition; None: there is none."""
    query = select(*(exceptions.c[name] for name in ExceptionRow._fields)).where(
        exceptions.c.partition_key == partition_key,
        exceptions.c.epoch == epoch,
        exceptions.c.position == position,
        exceptions.c.outcome == Outcome.PARKED.value,
    )
    row = connection.execute(query).first()
    return ExceptionRow._make(row) if row else None


def find_halting_trade(connection: Connection, row: PartitionRow) -> ExceptionRow | None:
    """Return the parked trade that halts a partition; None: none does."""
    if row.halted_epoch is None or row.halted_position is None:
        return None
    return find_parked_trade(connection, row.partition_key, row.halted_epoch, row.halted_position)


class OperatorReader(LedgerReader):
    """Queries for operators. They take no locks."""

    def keys_after(self, after: str, limit: int, *, only_held: bool = False) -> list[PartitionKey]:
        """Return the keys of the first partitions after a key, in order, `limit` at most."""
        columns = partitions.c
        query = select(columns.partition_key).where(columns.partition_key > after)
        if only_held:
            query = query.where(
                columns.paused_reason.is_not(None) | columns.halted_reason.is_not(None)
            )
        with self._read() as connection:
            found = connection.execute(query.order_by(columns.partition_key).limit(limit))
            return list(found.scalars())

    def partitions_by_key(
        self, partition_keys: Sequence[PartitionKey]
    ) -> dict[PartitionKey, PartitionRow]:
        """Return the rows of some partitions, without those that the ledger does not have."""
        query = select(*(partitions.c[name] for name in PartitionRow._fields)).where(
            self._dialect.among(partitions.c.partition_key, "keys")
        )
        with self._read() as connection:
            found = connection.execute(query, {"keys": self._dialect.array(partition_keys)})
            return {row.partition_key: PartitionRow._make(row) for row in found}

    def find_exceptions(self, exception_filter: ExceptionFilter, limit: int) -> list[ExceptionRow]:
        """Return the first recorded trades that match, by partition and order of acceptance."""
        columns = exceptions.c
        query = select(*(columns[name] for name in ExceptionRow._fields)).where(
            columns.outcome.in_([outcome.value for outcome in exception_filter.outcomes])
        )
        parameters = {}
        if exception_filter.trade_ids:
            query = query.where(self._dialect.among(columns.trade_id, "ids"))
            parameters["ids"] = self._dialect.array(exception_filter.trade_ids)
        if exception_filter.partition_key is not None:
            query = query.where(columns.partition_key == exception_filter.partition_key)
        if exception_filter.account_id is not None:
            keys = select(partitions.c.partition_key).where(
                partitions.c.account_id == exception_filter.account_id
            )
            query = query.where(columns.partition_key.in_(keys))
        if exception_filter.since is not None:
            query = query.where(columns.recorded_at >= exception_filter.since)
        if exception_filter.until is not None:
            query = query.where(columns.recorded_at < exception_filter.until)
        if exception_filter.reason is not None:
            pattern = _containing(exception_filter.reason)
            query = query.where(columns.reason.like(pattern, escape="/"))
        query = query.order_by(*_ENTRY_ID)
        with self._read() as connection:
            after = exception_filter.after or ()
            rows = read_after(connection, query, _ENTRY_ID, after, limit, parameters)
            return [ExceptionRow._make(row) for row in rows]

    def captured_digests(self, trade_ids: Sequence[str]) -> dict[str, str]:
        """Return the digests of those of some trades that are captured, by id."""
        query = select(trades.c.trade_id, trades.c.digest).where(
            self._dialect.among(trades.c.trade_id, "ids")
        )
        with self._read() as connection:
            found = connection.execute(query, {"ids": self._dialect.array(trade_ids)})
            return dict(found.all())

    def newest_entry_ids(self, trade_ids: Sequence[str]) -> dict[tuple[str, str], EntryId]:
        """Return the newest record of each parked or rejected trade, by id and digest."""
        query = (
            select(*_ENTRY_ID, exceptions.c.digest)
            .where(
                exceptions.c.outcome.in_([outcome.value for outcome in REPLAYABLE]),
                self._dialect.among(exceptions.c.trade_id, "ids"),
            )
            .order_by(*_ENTRY_ID)
        )
        with self._read() as connection:
            found = connection.execute(query, {"ids": self._dialect.array(trade_ids)})
            return {
                (entry_id.trade_id, digest): entry_id
                for *values, digest in found
                for entry_id in (EntryId._make(values),)
            }

    def halting_trade(self, row: PartitionRow) -> ExceptionRow | None:
        """Return the parked trade that halts a partition; None: none does."""
        with self._read() as connection:
            return find_halting_trade(connection, row)

    def halts(self) -> dict[PartitionKey, tuple[int, int]]:
        """Return the parked trade that halts each halted partition: key -> (epoch, position)."""
        query = select(
            partitions.c.partition_key, partitions.c.halted_epoch, partitions.c.halted_position
        ).where(partitions.c.halted_epoch.is_not(None))
        with self._read() as connection:
            return {key: (epoch, position) for key, epoch, position in connection.execute(query)}

    def sequence_gaps(self, *, partition_key: PartitionKey | None = None) -> list[SequenceGap]:
        """Return the gaps in upstream's numbers, of all partitions or one, the oldest first."""
        columns = exceptions.c
        buffered = columns.outcome == Outcome.BUFFERED.value
        if partition_key is not None:
            buffered &= columns.partition_key == partition_key
        waiting = (
            select(
                columns.partition_key,
                func.min(columns.sequence_number).label("lowest"),
                func.count().label("buffered"),
                func.min(columns.recorded_at).label("oldest"),
            )
            .where(buffered)
            .group_by(columns.partition_key)
            .subquery()
        )
        query = (
            select(
                waiting.c.partition_key,
                partitions.c.upstream,
                waiting.c.lowest,
                waiting.c.buffered,
                waiting.c.oldest,
            )
            .join(partitions, partitions.c.partition_key == waiting.c.partition_key)
            .order_by(waiting.c.oldest, waiting.c.partition_key)
        )
        with self._read() as connection:
            return [SequenceGap._make(row) for row in connection.execute(query)]

    def audit(self, *, partition_key: PartitionKey | None, limit: int) -> list[AuditRow]:
        """Return the last audit rows, of all partitions or one, the newest first."""
        query = select(*(audit.c[name] for name in AuditRow._fields))
        if partition_key is not None:
            query = query.where(audit.c.partition_key == partition_key)
        query = query.order_by(audit.c.event_id.desc()).limit(limit)
        with self._read() as connection:
            return [AuditRow._make(row) for row in connection.execute(query)]


_ESCAPED = str.maketrans({letter: f"/{letter}" for letter in "/%_["})


def _containing(text: str) -> str:
    """Return the LIKE pattern of what contains a text; `[` is a wildcard on SQL Server."""
    return f"%{text.translate(_ESCAPED)}%"


@contextmanager
def open_operator_reader(settings: Settings) -> Iterator[OperatorReader]:
    """Open the ledger to read it, and close it in the end.

    Raises:
        SchemaError: the database does not have this release's tables.
        SettingsError: the URL is of no database that the ledger can use.
        sqlalchemy.exc.SQLAlchemyError: the database does not answer.
    """
    with open_engine(settings) as (engine, dialect):
        check_schema(engine)
        yield OperatorReader(engine, dialect)
