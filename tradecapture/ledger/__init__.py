"""The ledger: the database of captured trades, and the judge of what may enter it."""

from tradecapture.ledger.judgement import PartitionVerdict
from tradecapture.ledger.ledger import Ledger, LedgerUnavailableError
from tradecapture.ledger.reader import LedgerReader
from tradecapture.ledger.rows import ExceptionRow, PartitionRow, TradeRow
from tradecapture.ledger.schema import SchemaError, check_schema, upgrade

__all__ = [
    "ExceptionRow",
    "Ledger",
    "LedgerReader",
    "LedgerUnavailableError",
    "PartitionRow",
    "PartitionVerdict",
    "SchemaError",
    "TradeRow",
    "check_schema",
    "upgrade",
]
