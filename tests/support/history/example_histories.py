"""Builds hand-made histories: events and evidence of a few trades of partition P."""

from typing import Any

from tests.support.history.event import Answered, Event, Invoked, Said
from tests.support.history.evidence import CapturedTrade, Evidence, RecordedTrade
from tradecapture.trades.lifecycle import Outcome

A, B = "T-A", "T-B"


def sent(at: float, trade_id: str, process: str = "one", digest: str = "") -> Invoked:
    """Return the event of a trade sent to partition P."""
    return Invoked(at, process, trade_id, "P", digest or f"digest of {trade_id}")


def said(
    at: float, trade_id: str, said: Said, position: int | None = None, process: str = "one"
) -> Answered:
    """Return the event of an answer to a trade."""
    return Answered(at, process, trade_id, said, position)


def accepted(at: float, trade_id: str, position: int, process: str = "one") -> Answered:
    """Return the event of a receipt for a trade."""
    return said(at, trade_id, Said.ACCEPTED, position, process)


def row(trade_id: str, number: int, position: int | None = None) -> CapturedTrade:
    """Return a captured trade of partition P.

    Args:
        trade_id: of the trade.
        number: its ledger sequence.
        position: in the inbox; None: the same as the ledger sequence.
    """
    return CapturedTrade(trade_id, "P", number, 1, position or number, f"digest of {trade_id}")


def parked(trade_id: str, position: int) -> RecordedTrade:
    """Return a parked trade of partition P."""
    return RecordedTrade(trade_id, "P", 1, position, f"digest of {trade_id}", Outcome.PARKED)


def evidence(
    *captured: CapturedTrade, recorded: tuple[RecordedTrade, ...] = (), **rest: Any
) -> Evidence:
    """Return evidence in which the row of partition P counts the captured trades."""
    counted = {"P": len(captured)} if captured else {}
    return Evidence(captured, recorded, {}, counted)._replace(**rest)


ONE_AFTER_THE_OTHER: list[Event] = [
    sent(1, A),
    accepted(2, A, 1),
    sent(3, B),
    accepted(4, B, 2),
]
AT_THE_SAME_TIME: list[Event] = [
    sent(1, A, "one"),
    sent(2, B, "other"),
    accepted(3, A, 2, "one"),
    accepted(4, B, 1, "other"),
]
