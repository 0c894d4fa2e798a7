"""tradecapture: a fleet of Celery workers that captures trades, in order, into a ledger."""

from tradecapture.capture.status import TradeStatus
from tradecapture.client import Client
from tradecapture.settings import Settings, SettingsError
from tradecapture.trades.lifecycle import Outcome, TradeState
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode

__all__ = [
    "Client",
    "Outcome",
    "Receipt",
    "Refusal",
    "RefusalCode",
    "Settings",
    "SettingsError",
    "TradeState",
    "TradeStatus",
]
