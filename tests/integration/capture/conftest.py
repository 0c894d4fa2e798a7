"""Fixtures of the capture tests: workers, and an operator."""

from tests.support.capture.fixtures import failing_worker, make_worker, operator, worker

__all__ = ["failing_worker", "make_worker", "operator", "worker"]
