"""The partitions of the ledger, a bounded number at a time."""

from collections.abc import Sequence

from sqlalchemy import select

from tradecapture.ledger.operating_reader import OperatingReader
from tradecapture.ledger.rows import ExceptionRow, PartitionRow
from tradecapture.ledger.tables import partitions


class PartitionPages(OperatingReader):
    """Queries for those who look through partitions. They never lock."""

    def keys_after(self, after: str, limit: int, *, only_held: bool = False) -> list[str]:
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

    def some(self, keys: Sequence[str]) -> dict[str, PartitionRow]:
        """Return those of some partitions that the ledger has, by key."""
        query = select(*(partitions.c[name] for name in PartitionRow._fields)).where(
            self._dialect.among(partitions.c.partition_key, "keys")
        )
        with self._read() as connection:
            found = connection.execute(query, {"keys": self._dialect.array(keys)})
            return {row.partition_key: PartitionRow._make(row) for row in found}

    def halting(self, row: PartitionRow) -> ExceptionRow | None:
        """Return the parked trade that halts a partition, if one does."""
        if row.halted_epoch is None or row.halted_position is None:
            return None
        return self.parked_at(row.partition_key, row.halted_epoch, row.halted_position)
