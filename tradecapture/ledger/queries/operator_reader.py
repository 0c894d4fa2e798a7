"""The operators' reading side of the ledger: what is parked, rejected or buffered; the audit."""

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
    """Upstream's numbers are missing in a partition, and trades wait in the ledger for them."""

    partition_key: PartitionKey
    upstream: int  # the number that the partition has reached
    lowest: int  # buffered; the numbers between are missing
    buffered: int  # trades that wait
    oldest: datetime  # when the first of them was put there


class ExceptionFilter(NamedTuple):
    """Which recorded trades are meant; every field that is given must fit."""

    trade_ids: Sequence[str] = ()
    outcomes: Sequence[Outcome] = REPLAYABLE
    partition_key: PartitionKey | None = None
    account_id: str | None = None
    since: datetime | None = None  # recorded at or after it
    until: datetime | None = None  # recorded before it
    reason: str | None = None  # a part of the reason
    after: EntryId | None = None  # behind this place, so that many are read page by page


def find_parked_trade(
    connection: Connection, partition_key: str, epoch: int, position: int
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
    """Queries for operators. They never lock."""

    def keys_after(self, after: str, limit: int, *, only_held: bool = False) -> list[PartitionKey]:
        """Return the keys of partitions that follow a key, in order, at most so many of them."""
        columns = partitions.c
        query = select(columns.partition_key).where(columns.partition_key > after)
        if only_held:
            query = query.where(
                columns.paused_reason.is_not(None) | columns.halted_reason.is_not(None)
            )
        with self._read() as connection:
            found = connection.execute(query.order_by(columns.partition_key).limit(limit))
            return list(found.scalars())

    def some(self, partition_keys: Sequence[PartitionKey]) -> dict[PartitionKey, PartitionRow]:
        """Return those of some partitions that the ledger has, by key."""
        query = select(*(partitions.c[name] for name in PartitionRow._fields)).where(
            self._dialect.among(partitions.c.partition_key, "keys")
        )
        with self._read() as connection:
            found = connection.execute(query, {"keys": self._dialect.array(partition_keys)})
            return {row.partition_key: PartitionRow._make(row) for row in found}

    def exceptions_like(self, wanted: ExceptionFilter, limit: int) -> list[ExceptionRow]:
        """Return recorded trades in the order in which they were accepted, by partition."""
        columns = exceptions.c
        query = select(*(columns[name] for name in ExceptionRow._fields)).where(
            columns.outcome.in_([outcome.value for outcome in wanted.outcomes])
        )
        parameters = {}
        if wanted.trade_ids:
            query = query.where(self._dialect.among(columns.trade_id, "ids"))
            parameters["ids"] = self._dialect.array(wanted.trade_ids)
        if wanted.partition_key is not None:
            query = query.where(columns.partition_key == wanted.partition_key)
        if wanted.account_id is not None:
            of_account = select(partitions.c.partition_key).where(
                partitions.c.account_id == wanted.account_id
            )
            query = query.where(columns.partition_key.in_(of_account))
        if wanted.since is not None:
            query = query.where(columns.recorded_at >= wanted.since)
        if wanted.until is not None:
            query = query.where(columns.recorded_at < wanted.until)
        if wanted.reason is not None:
            query = query.where(columns.reason.like(_holding(wanted.reason), escape="/"))
        query = query.order_by(*_ENTRY_ID)
        with self._read() as connection:
            rows = read_after(connection, query, _ENTRY_ID, wanted.after or (), limit, parameters)
            return [ExceptionRow._make(row) for row in rows]

    def captured_digests(self, trade_ids: Sequence[str]) -> dict[str, str]:
        """Return the digests of those trades that are captured, by id."""
        query = select(trades.c.trade_id, trades.c.digest).where(
            self._dialect.among(trades.c.trade_id, "ids")
        )
        with self._read() as connection:
            found = connection.execute(query, {"ids": self._dialect.array(trade_ids)})
            return dict(found.all())

    def newest_places(self, trade_ids: Sequence[str]) -> dict[tuple[str, str], EntryId]:
        """Return where each of some trades was parked or rejected last, by id and digest."""
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
        """Return the place (epoch, position) of the parked trade that halts each partition."""
        query = select(
            partitions.c.partition_key, partitions.c.halted_epoch, partitions.c.halted_position
        ).where(partitions.c.halted_epoch.is_not(None))
        with self._read() as connection:
            return {key: (epoch, position) for key, epoch, position in connection.execute(query)}

    def sequence_gaps(self, *, partition_key: PartitionKey | None = None) -> list[SequenceGap]:
        """Return the partitions in which trades wait for upstream's lower numbers, oldest first."""
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
        """Return what operators did, the newest first."""
        query = select(*(audit.c[name] for name in AuditRow._fields))
        if partition_key is not None:
            query = query.where(audit.c.partition_key == partition_key)
        query = query.order_by(audit.c.event_id.desc()).limit(limit)
        with self._read() as connection:
            return [AuditRow._make(row) for row in connection.execute(query)]


_ESCAPED = str.maketrans({letter: f"/{letter}" for letter in "/%_["})


def _holding(text: str) -> str:
    """Return the pattern of what holds a text; `[` is a wildcard to SQL Server."""
    return f"%{text.translate(_ESCAPED)}%"


@contextmanager
def open_ledger(settings: Settings) -> Iterator[OperatorReader]:
    """Open the ledger to read it.

    Raises:
        SchemaError: the database does not have this release's tables.
        SettingsError: the URL is of no database that the ledger can use.
        sqlalchemy.exc.SQLAlchemyError: it does not answer.
    """
    with open_engine(settings) as (engine, dialect):
        check_schema(engine)
        yield OperatorReader(engine, dialect)
