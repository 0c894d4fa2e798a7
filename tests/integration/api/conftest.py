"""Fixtures of the API's tests."""

from tests.support.api.fixtures import fleet, in_process_api, quiet

__all__ = ["fleet", "in_process_api", "quiet"]
