"""The checker finds nothing in hand-made good histories, even if some look bad."""

import pytest

from tests.support.history.checker import check
from tests.support.history.event import Event, Fault, Said
from tests.support.history.evidence import Evidence
from tests.support.history.example_histories import (
    AT_THE_SAME_TIME,
    ONE_AFTER_THE_OTHER,
    A,
    B,
    accepted,
    evidence,
    parked,
    row,
    said,
    sent,
)
from tradecapture.trades.lifecycle import Outcome


@pytest.mark.parametrize(
    ("what", "events", "held"),
    [
        ("in order", ONE_AFTER_THE_OTHER, evidence(row(A, 1), row(B, 2))),
        ("at the same time, either order", AT_THE_SAME_TIME, evidence(row(B, 1), row(A, 2))),
        (
            "one waits",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), waiting={B: 2}),
        ),
        (
            "one is parked",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), recorded=(parked(B, 2),)),
        ),
        (
            "parked, replayed at the tail",
            ONE_AFTER_THE_OTHER,
            evidence(row(B, 1, 2), row(A, 2, 3), recorded=(parked(A, 1),), replayed=[A]),
        ),
        (
            "written, not yet settled",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 2), waiting={A: 1, B: 2}),
        ),
        (
            "positions from 1 again, in a newer epoch",
            [*ONE_AFTER_THE_OTHER, sent(5, "T-C"), accepted(6, "T-C", 1)],
            evidence(row(A, 1), row(B, 2), row("T-C", 3, 1)._replace(epoch=2)),
        ),
        (
            "captured before a failover, accepted again after it",
            [sent(1, A), said(2, A, Said.UNKNOWN), sent(3, A), accepted(4, A, 3)],
            evidence(
                row(A, 1, 2),
                recorded=(parked(A, 3)._replace(outcome=Outcome.DUPLICATE, epoch=2),),
            ),
        ),
        ("unknown, not kept", [sent(1, A), said(2, A, Said.UNKNOWN)], evidence()),
        ("unknown, kept", [sent(1, A), said(2, A, Said.UNKNOWN)], evidence(row(A, 1))),
        ("never answered, kept", [sent(1, A)], evidence(row(A, 1))),
        ("refused, not kept", [sent(1, A), said(2, A, Said.REFUSED)], evidence()),
        (
            "resent, the same receipt",
            [*ONE_AFTER_THE_OTHER, sent(5, A), accepted(6, A, 1)],
            evidence(row(A, 1), row(B, 2)),
        ),
        (
            # The trade may have arrived at any time after it was first sent.
            "answer lost, another overtook, resent",
            [sent(1, A), said(2, A, Said.UNKNOWN), sent(3, B), accepted(4, B, 1), sent(5, A)],
            evidence(row(B, 1), row(A, 2)),
        ),
        (
            "neither of a call accepted, both resent",
            [
                *(sent(1, A), sent(2, B), said(3, A, Said.UNKNOWN), said(4, B, Said.UNKNOWN)),
                *(sent(5, A), sent(6, B), accepted(7, A, 1), accepted(8, B, 2)),
            ],
            evidence(row(A, 1), row(B, 2)),
        ),
        (
            "the first of a call not accepted, the second was accepted before",
            [
                *(sent(1, B), accepted(2, B, 1)),
                *(sent(3, A), sent(4, B), said(5, A, Said.UNKNOWN), accepted(6, B, 1)),
            ],
            evidence(row(B, 1)),
        ),
        (
            "the first of a call refused for good",
            [sent(1, A), sent(2, B), said(3, A, Said.REFUSED), accepted(4, B, 1)],
            evidence(row(B, 1)),
        ),
        (
            "the same id with another document, refused",
            [*ONE_AFTER_THE_OTHER, sent(5, A, digest="other"), said(6, A, Said.REFUSED)],
            evidence(row(A, 1), row(B, 2)),
        ),
        (
            "faults change nothing",
            [Fault(0, "soak", "kill", "worker"), *ONE_AFTER_THE_OTHER],
            evidence(row(A, 1), row(B, 2)),
        ),
    ],
)
def test_a_good_history_is_not_accused(what: str, events: list[Event], held: Evidence) -> None:
    """The checker reports nothing that the invariants allow."""
    assert check(events, held) == [], what
