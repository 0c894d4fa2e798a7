"""Fixtures of the API's tests."""

from tests.support.api.fixtures import desk, fleet, quiet

__all__ = ["desk", "fleet", "quiet"]
