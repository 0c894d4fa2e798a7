"""The input and output of a search: the filter, the pages of trades and the keys between them."""

from collections.abc import Sequence
from datetime import date, datetime
from enum import IntEnum
from typing import NamedTuple

from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey


class Section(IntEnum):
    """The parts of a search result, in their order; each is one table of the ledger.

    A buffered or parked trade may be captured while a client reads page after page. It then moves
    from the first section to the second, never back: no page order leaves it out.
    """

    EXCEPTIONS = 0
    CAPTURED = 1


class TradeFilter(NamedTuple):
    """Which trades to search for; every field that is not None must match."""

    partition_key: PartitionKey | None = None
    account_id: str | None = None
    book_id: str | None = None
    security_id: str | None = None
    first_date: date | None = None  # the earliest trade date
    last_date: date | None = None  # the latest trade date
    outcomes: Sequence[Outcome] = tuple(Outcome)

    @property
    def has_dates(self) -> bool:
        """Whether the trade date matters."""
        return self.first_date is not None or self.last_date is not None

    def includes(self, trade_date: date) -> bool:
        """Return whether a trade date matches."""
        return (self.first_date is None or self.first_date <= trade_date) and (
            self.last_date is None or trade_date <= self.last_date
        )


class TradeSummary(NamedTuple):
    """A trade in a search result, without its document."""

    trade_id: str
    outcome: Outcome
    partition_key: PartitionKey
    epoch: int
    position: int
    accepted_at: datetime
    task_id: str
    trade_date: date | None = None  # None: the trade is not captured
    ledger_sequence: int | None = None
    captured_at: datetime | None = None
    recorded_at: datetime | None = None  # None: the trade is captured
    reason: str | None = None


class PageKeyError(ValueError):
    """A page key does not belong to the search: it is another search's, or made up."""


class PageKey(NamedTuple):
    """Where a page ends; the next page begins after it."""

    section: Section
    # Values of the columns that order the section, or of the first of them only: then the page ends
    # after all rows that begin with these values.
    key: tuple[str | int, ...]

    @classmethod
    def of(cls, section: Section, key: Sequence[date | str | int]) -> "PageKey":
        """Return the page key of column values; a date becomes text."""
        return cls(section, tuple(v.isoformat() if isinstance(v, date) else v for v in key))


class TradePage(NamedTuple):
    """A page of the trades that match a filter."""

    trades: list[TradeSummary]
    last: PageKey | None  # after which the next page begins; None: this is the last page
