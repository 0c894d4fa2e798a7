"""The demo's evidence: what the ledger and the inboxes hold after the traffic."""

from collections.abc import Mapping

from tradecapture.inbox import InboxReader
from tradecapture.ledger import LedgerReader
from tradecapture.local.demo.report import DemoEvidence, Sending
from tradecapture.local.samples.trades import SampleSpec
from tradecapture.operations.reconciliation import reconcile


def gather(
    phases: Mapping[str, Sending], mixes: list[SampleSpec], inbox: InboxReader, ledger: LedgerReader
) -> DemoEvidence:
    """Read everything that the report needs.

    Args:
        phases: what was sent and answered.
        mixes: what was generated for them.
        inbox: of a Redis that was empty before.
        ledger: which was empty before.
    """
    # The inboxes first: a trade that is captured between the two looks then counts once.
    rows = reconcile(inbox.partitions(), ledger.outcome_counts())
    return DemoEvidence(
        phases=phases,
        invalid=sum(mix.invalid_trades for mix in mixes),
        different=sum(mix.trades - mix.invalid_trades - mix.resent_trades for mix in mixes),
        captured=[
            (trade_id, captured_at.timestamp()) for trade_id, captured_at in ledger.captures()
        ],
        exceptions=ledger.exceptions(),
        waiting=sum(row.waiting for row in rows),
        inversions=ledger.inversions(),
        gaps=ledger.gaps(),
        differences=sum(row.difference != 0 for row in rows),
    )
