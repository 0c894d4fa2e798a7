"""Lock orders that the product does not have: they make captures deadlock."""

import time
from random import Random

from sqlalchemy import Connection

from tradecapture.ledger import PartitionRow
from tradecapture.ledger.transaction import LedgerTransaction
from tradecapture.trades.partition import PartitionKey

ROW_SECONDS = 0.005  # between two locks, so that two transactions meet in between

_locked = LedgerTransaction._lock_rows
_random = Random()


def lock_in_any_order(
    self: LedgerTransaction, connection: Connection, partition_keys: list[PartitionKey]
) -> dict[PartitionKey, PartitionRow]:
    """Lock partitions' rows one by one, in an order drawn anew each time.

    A replacement for `LedgerTransaction._lock_rows`, which locks them in key order.
    """
    found: dict[PartitionKey, PartitionRow] = {}
    for key in _random.sample(partition_keys, len(partition_keys)):
        found |= _locked(self, connection, [key])
        time.sleep(ROW_SECONDS)
    return found
