"""Replaying: recorded trades page by page, planned, and replayed if that is wanted."""

from collections.abc import Iterator
from typing import NamedTuple

from tradecapture.ledger import ExceptionRow
from tradecapture.ledger.operating_reader import ExceptionFilter, OperatingReader
from tradecapture.operations import Replay, Replayed, ReplayState

PAGE_TRADES = 200  # in memory at once, whole: at most 50 MiB with trades of 256 KiB


class Order(NamedTuple):
    """What to do with the recorded trades that fit."""

    limit: int | None  # trades to replay, at most
    who: str
    why: str
    really: bool  # False: only say what would become of each


def replay_pages(
    replay: Replay, ledger: OperatingReader, wanted: ExceptionFilter, order: Order
) -> Iterator[list[Replayed]]:
    """Yield what became of recorded trades, a page at a time, in the order of their acceptance.

    Ends early where some were not accepted: those behind them must not overtake.

    Raises:
        LedgerUnavailableError, sqlalchemy.exc.SQLAlchemyError: the database is out of reach; the
            pages before are done, and the same order again does the rest.
    """
    left = order.limit
    for rows in _pages(ledger, wanted):
        plan = replay.plan(rows)
        if left is not None:
            plan = _up_to(plan, left)
            left -= sum(replayed.state is ReplayState.READY for replayed in plan)
        page = replay.run(plan, order.who, order.why) if order.really else plan
        yield page
        if left == 0 or any(replayed.state is ReplayState.REFUSED for replayed in page):
            return


def _pages(ledger: OperatingReader, wanted: ExceptionFilter) -> Iterator[list[ExceptionRow]]:
    while rows := ledger.exceptions_like(wanted, PAGE_TRADES):
        yield rows
        last = rows[-1]
        place = (last.partition_key, last.epoch, last.position, last.trade_id)
        wanted = wanted._replace(after=place)


def _up_to(plan: list[Replayed], ready: int) -> list[Replayed]:
    """Return a plan up to the place where so many of its trades are ready."""
    kept = []
    for replayed in plan:
        if replayed.state is ReplayState.READY:
            ready -= 1
            if ready < 0:
                break
        kept.append(replayed)
    return kept
