"""The demo's report proves what holds, and fails if a trade is lost, doubled or reordered."""

from typing import Any

import pytest
from msgspec.structs import replace

from tradecapture.local.demo.report import DemoEvidence, SendResult, make_report
from tradecapture.trades.lifecycle import Outcome

SENT = {f"T-{number}": 100.0 + number for number in range(1, 101)}
GOOD = DemoEvidence(
    phases={"full speed": SendResult(submitted=105, resent=3, refused=2, sent_at=SENT)},
    invalid=2,
    different=100,
    captured=[(trade_id, at + number / 1000) for number, (trade_id, at) in enumerate(SENT.items())],
    exceptions=[],
    waiting=0,
    inversions=0,
    gaps=0,
    differences=0,
)


def failed(**changes: Any) -> list[str]:
    """Return the names of the checks that fail on changed evidence."""
    report = make_report(replace(GOOD, **changes))
    names = [check.name for check in report.checks if not check.holds]
    assert report.proven == (not names)
    return names


def test_good_evidence_is_proof() -> None:
    """With good evidence no check fails, and the outcomes are counted."""
    assert failed() == []
    outcomes = make_report(GOOD).outcomes
    assert outcomes["submitted"] == 105
    assert (outcomes["accepted"], outcomes["captured"]) == (100, 100)
    assert (outcomes["resends recognised"], outcomes["refused as invalid"]) == (3, 2)


def test_latency_is_from_sending_to_capture() -> None:
    """Percentiles are of captured minus sent, in ms; the rate is over the whole phase."""
    (latency,) = make_report(GOOD).latencies
    assert latency.trades == 100
    assert (latency.p50_ms, latency.p95_ms, latency.p99_ms) == (49.5, 94.0, 98.0)
    assert latency.trades_per_second == pytest.approx(100 / 99.099, abs=0.1)


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"captured": GOOD.captured[1:]}, "lost: accepted, without an outcome"),
        ({"captured": [*GOOD.captured, GOOD.captured[0]]}, "doubled: captured more than once"),
        ({"captured": [*GOOD.captured, ("X", 1.0)]}, "captured, but never accepted"),
        ({"inversions": 1}, "inversions: captured after a later one"),
        ({"gaps": 1}, "partitions with gaps in their sequence"),
        ({"differences": 1}, "partitions that do not reconcile"),
        ({"invalid": 3}, "refused as invalid"),
        ({"different": 101}, "different trades accepted"),
    ],
)
def test_each_fault_is_found(changes: dict[str, Any], check: str) -> None:
    """A trade that is lost, doubled, reordered or made up fails the check of that name."""
    assert failed(**changes) == [check]


def test_a_parked_trade_is_not_lost_but_no_proof() -> None:
    """A parked trade has an outcome, but not the one that a sample trade must have."""
    assert failed(captured=GOOD.captured[1:], exceptions=[("T-1", Outcome.PARKED)]) == [
        "rejected or parked"
    ]


def test_an_unanswered_trade_is_no_proof() -> None:
    """Nobody knows whether an unanswered trade was accepted."""
    assert failed(phases={"x": replace(GOOD.phases["full speed"], unanswered=1)}) == [
        "trades without an answer"
    ]


def test_phases_add_up_with_the_first_sending() -> None:
    """A trade that was sent in two parts counts once, from its first sending."""
    total = SendResult.sum(
        [SendResult(2, sent_at={"A": 2.0}), SendResult(1, 1, sent_at={"A": 1.0})]
    )
    assert (total.submitted, total.resent, total.sent_at) == (3, 1, {"A": 1.0})
