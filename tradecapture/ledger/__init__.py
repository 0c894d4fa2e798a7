"""The ledger: the database of captured trades, and the judge of what may enter it."""

from tradecapture.ledger.judgement import PartitionVerdict
from tradecapture.ledger.ledger import Ledger, LedgerUnavailableError, reason_of
from tradecapture.ledger.operating import Action, Deed, Request
from tradecapture.ledger.reader import LedgerReader
from tradecapture.ledger.rows import AuditRow, ExceptionRow, PartitionRow, TradeRow
from tradecapture.ledger.schema import SchemaError, check_schema, upgrade

__all__ = [
    "Action",
    "AuditRow",
    "Deed",
    "ExceptionRow",
    "Ledger",
    "LedgerReader",
    "LedgerUnavailableError",
    "PartitionRow",
    "PartitionVerdict",
    "Request",
    "SchemaError",
    "TradeRow",
    "check_schema",
    "reason_of",
    "upgrade",
]
