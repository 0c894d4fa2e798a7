"""The ledger: the database of captured trades, and the rules for what it takes."""

from tradecapture.ledger.ledger import Ledger, LedgerUnavailableError, reason_of
from tradecapture.ledger.queries.reader import LedgerReader
from tradecapture.ledger.rows import AuditRow, ExceptionRow, PartitionRow, TradeRow
from tradecapture.ledger.rules.decision import PartitionResult
from tradecapture.ledger.schema.upgrades import SchemaError, check_schema, upgrade

__all__ = [
    "AuditRow",
    "ExceptionRow",
    "Ledger",
    "LedgerReader",
    "LedgerUnavailableError",
    "PartitionRow",
    "PartitionResult",
    "SchemaError",
    "TradeRow",
    "check_schema",
    "reason_of",
    "upgrade",
]
