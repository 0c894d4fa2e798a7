"""Locks rows in random order, which makes captures deadlock; the product uses key order."""

import time
from random import Random

from sqlalchemy import Connection

from tradecapture.ledger import PartitionRow
from tradecapture.ledger.transaction import LedgerTransaction
from tradecapture.trades.partition import PartitionKey

ROW_SECONDS = 0.005  # between two locks, so that another transaction locks a row in between

_lock_in_key_order = LedgerTransaction._lock_rows
_random = Random()


def lock_in_any_order(
    self: LedgerTransaction, connection: Connection, partition_keys: list[PartitionKey]
) -> dict[PartitionKey, PartitionRow]:
    """Lock partitions' rows one by one, each time in another random order.

    Replaces `LedgerTransaction._lock_rows`, which locks them in key order.
    """
    rows: dict[PartitionKey, PartitionRow] = {}
    for key in _random.sample(partition_keys, len(partition_keys)):
        rows |= _lock_in_key_order(self, connection, [key])
        time.sleep(ROW_SECONDS)
    return rows
