"""Fixtures of the operators' tests: a ledger by itself, or a whole capture in this process."""

from tests.support.capture.fixtures import failing_worker, make_worker, operator, worker
from tests.support.ledger.fixtures import ledger, reader

__all__ = ["failing_worker", "ledger", "make_worker", "operator", "reader", "worker"]
