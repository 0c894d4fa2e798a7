"""Fixtures of the capture's tests."""

from tests.support.capture.fixtures import ill, make_worker, operator, worker

__all__ = ["ill", "make_worker", "operator", "worker"]
