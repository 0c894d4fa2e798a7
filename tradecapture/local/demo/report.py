"""The demo's report: from what was sent and what the ledger holds to what is proven. Pure."""

import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, field

from tradecapture.trades.lifecycle import Outcome


class Sending(Struct):
    """What was sent in one phase, and answered."""

    submitted: int = 0
    resent: int = 0  # answered as accepted before
    refused: int = 0
    unanswered: int = 0
    sent_at: dict[str, float] = field(default_factory=dict)  # accepted trade -> seconds, Unix time

    @classmethod
    def sum(cls, parts: Iterable["Sending"]) -> "Sending":
        """Return several together; a trade's time is that of its first sending."""
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

    phases: Mapping[str, Sending]
    invalid: int  # trades that had to be refused
    different: int  # trades that had to be accepted, each counted once
    captured: Sequence[tuple[str, float]]  # trade and Unix time, a row of the ledger each
    exceptions: Sequence[tuple[str, Outcome]]  # trades that the ledger has as not captured
    waiting: int  # trades still in their inboxes
    inversions: int
    gaps: int
    differences: int  # partitions that do not reconcile


class Latency(Struct, frozen=True, rename="camel"):
    """From sending to capture, in milliseconds, over the trades of a phase."""

    phase: str
    trades: int
    trades_per_second: float  # from the first sending to the last capture
    p50_ms: float
    p95_ms: float
    p99_ms: float


class DemoCheck(Struct, frozen=True):
    """One thing that must hold."""

    name: str
    found: int
    wanted: int

    @property
    def holds(self) -> bool:
        """Whether it does."""
        return self.found == self.wanted


class Report(Struct, frozen=True):
    """What the demo found."""

    proven: bool
    outcomes: Mapping[str, int]
    latencies: Sequence[Latency]
    checks: Sequence[DemoCheck]


def report_on(evidence: DemoEvidence) -> Report:
    """Return what the evidence proves."""
    total = Sending.sum(evidence.phases.values())
    accepted = total.sent_at.keys()
    rows = Counter(trade_id for trade_id, _ in evidence.captured)
    others = Counter(outcome for _, outcome in evidence.exceptions)
    ended = rows.keys() | {trade_id for trade_id, _ in evidence.exceptions}
    checks = [
        DemoCheck("trades without an answer", total.unanswered, 0),
        DemoCheck("refused, as they are invalid", total.refused, evidence.invalid),
        DemoCheck("different trades accepted", len(accepted), evidence.different),
        DemoCheck("lost: accepted, without an outcome", len(accepted - ended), 0),
        DemoCheck("doubled: captured more than once", sum(n > 1 for n in rows.values()), 0),
        DemoCheck("captured, but never accepted", len(rows.keys() - accepted), 0),
        DemoCheck("rejected or parked", others[Outcome.REJECTED] + others[Outcome.PARKED], 0),
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
            "captured": len(rows),
            "rejected": others[Outcome.REJECTED],
            "parked": others[Outcome.PARKED],
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
    both = sent_at.keys() & captured_at.keys()
    took = [1000 * (captured_at[trade_id] - sent_at[trade_id]) for trade_id in both]
    first = min(sent_at[trade_id] for trade_id in both)
    last = max(captured_at[trade_id] for trade_id in both)
    percentiles = statistics.quantiles(took, n=100, method="inclusive")
    return Latency(
        phase=phase,
        trades=len(both),
        trades_per_second=round(len(both) / (last - first), 1) if last > first else 0.0,
        p50_ms=round(percentiles[49], 1),
        p95_ms=round(percentiles[94], 1),
        p99_ms=round(percentiles[98], 1),
    )
