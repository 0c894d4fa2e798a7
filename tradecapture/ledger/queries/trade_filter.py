"""What a search asks for, and what it finds: the filter, a trade, the mark where a page ends."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import IntEnum
from typing import NamedTuple

from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey


class Section(IntEnum):
    """Where trades stand in the ledger, in the order in which a search shows them.

    A buffered or a parked trade may be captured while somebody reads page after page; it moves
    from the first section to the second, never back, so that it is never left out.
    """

    EXCEPTIONS = 0
    CAPTURED = 1


class TradeFilter(NamedTuple):
    """Which trades are meant; every field that is given must fit."""

    partition_key: PartitionKey | None = None
    account_id: str | None = None
    book_id: str | None = None
    security_id: str | None = None
    first_date: date | None = None  # trade date, at the earliest
    last_date: date | None = None  # trade date, at the latest
    outcomes: Sequence[Outcome] = tuple(Outcome)

    @property
    def has_dates(self) -> bool:
        """Whether the trade date matters."""
        return self.first_date is not None or self.last_date is not None

    def includes(self, day: date) -> bool:
        """Return whether a trade date fits."""
        return (self.first_date is None or self.first_date <= day) and (
            self.last_date is None or day <= self.last_date
        )


class TradeSummary(NamedTuple):
    """A trade as a search shows it: without its document."""

    trade_id: str
    outcome: Outcome
    partition_key: PartitionKey
    epoch: int
    position: int
    accepted_at: datetime
    task_id: str
    trade_date: date | None = None  # None: it was not captured
    ledger_sequence: int | None = None
    captured_at: datetime | None = None
    recorded_at: datetime | None = None  # None: it was captured
    reason: str | None = None


class MarkError(ValueError):
    """A mark is no place in a search: it is of another one, or made up."""


class PageKey(NamedTuple):
    """Where a page ends: the next one begins behind it."""

    section: Section
    key: tuple[str | int, ...]  # in the section's order; a part of it: behind all that begin so

    @classmethod
    def of(cls, section: Section, key: Sequence[date | str | int]) -> "PageKey":
        """Return the mark of a place; a day is noted as text."""
        return cls(section, tuple(v.isoformat() if isinstance(v, date) else v for v in key))


class TradePage(NamedTuple):
    """Trades that fit."""

    trades: list[TradeSummary]
    last: PageKey | None  # where the next page begins; None: there is none
