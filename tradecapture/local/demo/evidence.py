"""The demo's evidence: what the ledger and the inboxes hold after the traffic."""

from collections.abc import Mapping, Sequence

from tradecapture.inbox import InboxReader
from tradecapture.ledger import LedgerReader
from tradecapture.local.demo.report import DemoEvidence, SendResult
from tradecapture.local.samples.trades import SampleSpec
from tradecapture.operations.reconciliation import reconcile


def gather(
    phases: Mapping[str, SendResult],
    samples: Sequence[SampleSpec],
    inbox: InboxReader,
    ledger: LedgerReader,
) -> DemoEvidence:
    """Read everything that the report needs.

    Args:
        phases: what was sent and answered.
        samples: what was generated for the phases.
        inbox: of a Redis that was empty before.
        ledger: of a database that was empty before.
    """
    # The inboxes first: a trade that is captured between the two reads is then counted once.
    rows = reconcile(inbox.partitions(), ledger.outcome_counts())
    return DemoEvidence(
        phases=phases,
        invalid=sum(sample.invalid_trades for sample in samples),
        different=sum(
            sample.trades - sample.invalid_trades - sample.resent_trades for sample in samples
        ),
        captured=[
            (trade_id, captured_at.timestamp()) for trade_id, captured_at in ledger.capture_times()
        ],
        exceptions=ledger.exception_outcomes(),
        waiting=sum(row.waiting for row in rows),
        inversions=ledger.count_inversions(),
        gaps=ledger.count_broken_sequences(),
        differences=sum(row.difference != 0 for row in rows),
    )
