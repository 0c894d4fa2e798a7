"""Timestamps: datetimes in UTC, in JSON and from the integers that Redis keeps."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

Timestamp = Annotated[datetime, Meta(tz=True)]  # ISO 8601 with an offset, in JSON


def from_ms(milliseconds: int) -> datetime:
    """Return the UTC time that is so many milliseconds after 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def from_us(microseconds: int) -> datetime:
    """Return the UTC time that is so many microseconds after 1970."""
    return datetime.fromtimestamp(microseconds / 1_000_000, UTC)
