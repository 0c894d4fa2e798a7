"""Timestamps from the integers that Redis keeps."""

from datetime import UTC, datetime

from tradecapture.trades.clock import from_ms, from_us


def test_milliseconds_and_microseconds_become_the_same_time() -> None:
    """In UTC, and exact to the unit."""
    assert from_ms(1_767_225_600_123) == datetime(2026, 1, 1, 0, 0, 0, 123_000, UTC)
    assert from_us(1_767_225_600_123_456) == datetime(2026, 1, 1, 0, 0, 0, 123_456, UTC)
