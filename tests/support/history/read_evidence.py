"""Reads the whole ledger and all inboxes of a deployment for the checker."""

from tests.support.history.evidence import CapturedTrade, Evidence, RecordedTrade
from tests.support.ledger.ledger_snapshot import all_rows
from tradecapture.capture.gateway import Gateway
from tradecapture.ledger import ExceptionRow, TradeRow
from tradecapture.ledger.schema.tables import audit, exceptions, trades
from tradecapture.operations.action import Action
from tradecapture.trades.document import decode, digest_of
from tradecapture.trades.lifecycle import Outcome


def read_evidence(gateway: Gateway) -> Evidence:
    """Read all trades of a deployment, and compute their digests anew from the documents."""
    engine, inboxes = gateway.ledger.engine, gateway.inbox_reader
    waiting = {
        entry.submission.trade_id: entry.position
        for row in inboxes.partitions()
        if row.waiting
        for entry in inboxes.head(row.partition_key, row.waiting)
    }
    captured = [
        CapturedTrade(
            row.trade_id,
            row.partition_key,
            row.ledger_sequence,
            row.epoch,
            row.position,
            _digest(row.document),
        )
        for row in map(TradeRow._make, all_rows(engine, trades))
    ]
    recorded = [
        RecordedTrade(
            row.trade_id,
            row.partition_key,
            row.epoch,
            row.position,
            _digest(row.document),
            Outcome(row.outcome),
        )
        for row in map(ExceptionRow._make, all_rows(engine, exceptions))
    ]
    counted: dict[str, int] = {
        row.partition_key: row.last_sequence for row in gateway.ledger.partitions()
    }
    replayed = {
        row.trade_id for row in all_rows(engine, audit) if row.action == Action.REPLAY.value
    }
    return Evidence(captured, recorded, waiting, counted, replayed)


def _digest(document: str) -> str:
    return digest_of(decode(document.encode()))
