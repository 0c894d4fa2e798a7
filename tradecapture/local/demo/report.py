"""The demo's report: what the sent trades and the ledger's rows prove. Pure."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from tradecapture.trades.lifecycle import Outcome


class SendResult(Struct):
    """How many trades were sent in one phase, and what they were answered."""

    submitted: int = 0
    resent: int = 0  # answered as accepted earlier
    refused: int = 0
    unanswered: int = 0
    sent_at: dict[str, float] = field(default_factory=dict)  # accepted trade -> seconds, Unix time

    @classmethod
    def sum(cls, parts: Iterable["SendResult"]) -> "SendResult":
        """Add several results up; a trade's time is that of its first sending."""
        total = cls()
        for part in parts:
            total.submitted += part.submitted
            total.resent += part.resent
            total.refused += part.refused
            total.unanswered += part.unanswered
            for trade_id, sent_at in part.sent_at.items():
                total.sent_at[trade_id] = min(total.sent_at.get(trade_id, sent_at), sent_at)
        return total


class DemoEvidence(Struct, frozen=True, kw_only=True):
    """Everything that the report is made from."""

    phases: Mapping[str, SendResult]
    invalid: int  # trades that must be refused
    different: int  # trades that must be accepted, each counted once
    captured: Sequence[tuple[str, float]]  # trade id and Unix time of each row in the ledger
    exceptions: Sequence[tuple[str, Outcome]]  # trades that the ledger did not capture
    waiting: int  # trades that are still in their inboxes
    inversions: int  # trades that were captured after a later one
    gaps: int  # partitions with a gap in their sequence
    differences: int  # partitions that do not reconcile


class Latency(Struct, frozen=True, rename="camel"):
    """How long the trades of a phase took from sending to capture."""

    phase: str
    trades: int
    trades_per_second: float  # from the first sending to the last capture
    p50_ms: float
    p95_ms: float
    p99_ms: float


class DemoCheck(Struct, frozen=True, rename={"actual": "found", "expected": "wanted"}):
    """One condition that must hold."""

    name: str
    actual: int
    expected: int

    @property
    def holds(self) -> bool:
        """Whether it holds."""
        return self.actual == self.expected


class Report(Struct, frozen=True):
    """What the demo proves."""

    proven: bool
    outcomes: Mapping[str, int]
    latencies: Sequence[Latency]
    checks: Sequence[DemoCheck]


def make_report(evidence: DemoEvidence) -> Report:
    """Return what the evidence proves."""
    total = SendResult.sum(evidence.phases.values())
    accepted = total.sent_at.keys()
    captures = Counter(trade_id for trade_id, _ in evidence.captured)
    exceptions = Counter(outcome for _, outcome in evidence.exceptions)
    completed = captures.keys() | {trade_id for trade_id, _ in evidence.exceptions}
    checks = [
        DemoCheck("trades without an answer", total.unanswered, 0),
        DemoCheck("refused as invalid", total.refused, evidence.invalid),
        DemoCheck("different trades accepted", len(accepted), evidence.different),
        DemoCheck("lost: accepted, without an outcome", len(accepted - completed), 0),
        DemoCheck("doubled: captured more than once", sum(n > 1 for n in captures.values()), 0),
        DemoCheck("captured, but never accepted", len(captures.keys() - accepted), 0),
        DemoCheck(
            "rejected or parked", exceptions[Outcome.REJECTED] + exceptions[Outcome.PARKED], 0
        ),
        DemoCheck("inversions: captured after a later one", evidence.inversions, 0),
        DemoCheck("partitions with gaps in their sequence", evidence.gaps, 0),
        DemoCheck("partitions that do not reconcile", evidence.differences, 0),
    ]
    captured_at = dict(evidence.captured)
    return Report(
        proven=all(check.holds for check in checks),
        outcomes={
            "submitted": total.submitted,
            "accepted": len(accepted),
            "resends recognised": total.resent,
            "refused as invalid": total.refused,
            "captured": len(captures),
            "rejected": exceptions[Outcome.REJECTED],
            "parked": exceptions[Outcome.PARKED],
            "waiting": evidence.waiting,
        },
        latencies=[
            _latency(name, phase.sent_at, captured_at)
            for name, phase in evidence.phases.items()
            if len(phase.sent_at.keys() & captured_at.keys()) > 1
        ],
        checks=checks,
    )


def _latency(phase: str, sent_at: Mapping[str, float], captured_at: Mapping[str, float]) -> Latency:
    trade_ids = sent_at.keys() & captured_at.keys()
    latencies_ms = [1000 * (captured_at[trade_id] - sent_at[trade_id]) for trade_id in trade_ids]
    first = min(sent_at[trade_id] for trade_id in trade_ids)
    last = max(captured_at[trade_id] for trade_id in trade_ids)
    percentiles = statistics.quantiles(latencies_ms, n=100, method="inclusive")
    return Latency(
        phase=phase,
        trades=len(trade_ids),
        trades_per_second=round(len(trade_ids) / (last - first), 1) if last > first else 0.0,
        p50_ms=round(percentiles[49], 1),
        p95_ms=round(percentiles[94], 1),
        p99_ms=round(percentiles[98], 1),
    )
