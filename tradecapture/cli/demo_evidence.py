"""The demo's evidence: what the ledger and the inboxes hold after the traffic."""

from collections.abc import Mapping

from sqlalchemy import select

from tradecapture.cli.demo_report import Evidence, Sending
from tradecapture.generate import Mix
from tradecapture.inbox import InboxReader
from tradecapture.ledger import LedgerReader
from tradecapture.ledger.dialects import READ_ONLY
from tradecapture.ledger.tables import exceptions, trades
from tradecapture.outcome import Outcome
from tradecapture.reconciliation import reconcile


def gather(
    phases: Mapping[str, Sending], mixes: list[Mix], inbox: InboxReader, ledger: LedgerReader
) -> Evidence:
    """Read everything that the report needs.

    Args:
        phases: what was sent and answered.
        mixes: what was generated for them.
        inbox: of a Redis that was empty before.
        ledger: which was empty before.
    """
    # The inboxes first: a trade that is captured between the two looks then counts once.
    rows = reconcile(inbox.partitions(), ledger.outcome_counts())
    with ledger.engine.connect().execution_options(**{READ_ONLY: True}) as connection:
        captured = connection.execute(select(trades.c.trade_id, trades.c.captured_at)).all()
        others = connection.execute(select(exceptions.c.trade_id, exceptions.c.outcome)).all()
    return Evidence(
        phases=phases,
        invalid=sum(mix.invalid_trades for mix in mixes),
        different=sum(mix.trades - mix.invalid_trades - mix.resent_trades for mix in mixes),
        captured=[(trade_id, captured_at.timestamp()) for trade_id, captured_at in captured],
        exceptions=[(trade_id, Outcome(outcome)) for trade_id, outcome in others],
        waiting=sum(row.waiting for row in rows),
        inversions=ledger.inversions(),
        gaps=ledger.gaps(),
        differences=sum(row.difference != 0 for row in rows),
    )
