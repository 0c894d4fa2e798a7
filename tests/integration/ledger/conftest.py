"""Fixtures of the ledger's tests."""

from tests.support.ledger.fixtures import (
    bare,
    bare_url,
    database,
    ledger,
    make_ledger,
    postgresql_settings,
    reader,
)

__all__ = [
    "bare",
    "bare_url",
    "database",
    "ledger",
    "make_ledger",
    "postgresql_settings",
    "reader",
]
