"""tradecapture: a fleet of Celery workers that captures trades, in order, into a ledger."""

from tradecapture.client import Client
from tradecapture.outcome import Outcome
from tradecapture.receipt import Receipt, Refusal, RefusalCode
from tradecapture.settings import Settings, SettingsError
from tradecapture.status import TradeState, TradeStatus

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
