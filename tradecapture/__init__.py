"""tradecapture: a fleet of Celery workers that captures trades, in order, into a ledger.

The names exported here are the public ones. Everything else may change in any release.
"""

from tradecapture.capture.status import TradeStatus
from tradecapture.client import Client, TradeInput
from tradecapture.inbox import LaneCountError
from tradecapture.ledger.queries.trade_filter import (
    PageKey,
    PageKeyError,
    TradeFilter,
    TradePage,
    TradeSummary,
)
from tradecapture.settings import Settings, SettingsError
from tradecapture.trades.lifecycle import ExpectedOutcome, Outcome, TradeState
from tradecapture.trades.problems import Problem
from tradecapture.trades.receipt import Answer, Receipt, Refusal, RefusalCode

__all__ = [
    "Answer",
    "Client",
    "ExpectedOutcome",
    "LaneCountError",
    "PageKeyError",
    "Outcome",
    "PageKey",
    "Problem",
    "Receipt",
    "Refusal",
    "RefusalCode",
    "Settings",
    "SettingsError",
    "TradeFilter",
    "TradeInput",
    "TradePage",
    "TradeState",
    "TradeStatus",
    "TradeSummary",
]
