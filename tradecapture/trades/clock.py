"""Instants: datetimes in UTC, and Redis' numbers turned into them."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta

Timestamp = Annotated[datetime, Meta(tz=True)]  # ISO 8601 with an offset, in JSON
