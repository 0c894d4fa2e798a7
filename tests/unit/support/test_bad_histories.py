"""The checker finds each kind of problem in hand-made bad histories."""

import pytest

from tests.support.history.checker import Finding, Kind, check
from tests.support.history.event import Event, Said
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

MANY = 40_000  # trades; comparing every pair would take many minutes


def kinds(findings: list[Finding]) -> list[tuple[Kind, str]]:
    """Return kind and subject of each finding."""
    return [(finding.kind, finding.subject) for finding in findings]


@pytest.mark.parametrize(
    ("what", "events", "held", "found"),
    [
        ("nowhere", ONE_AFTER_THE_OTHER, evidence(row(A, 1)), (Kind.LOST, B)),
        (
            "only a duplicate of it",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), recorded=(parked(B, 2)._replace(outcome=Outcome.DUPLICATE),)),
            (Kind.LOST, B),
        ),
        (
            "not in the sums",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 2), counted={"P": 1}),
            (Kind.LOST, "P"),
        ),
        (
            "captured twice",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 2), row(A, 3, 1)),
            (Kind.DOUBLED, A),
        ),
        (
            "captured and parked",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 2), recorded=(parked(B, 2),)),
            (Kind.DOUBLED, B),
        ),
        (
            "twice in the sums",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 2), counted={"P": 3}),
            (Kind.DOUBLED, "P"),
        ),
        (
            "the other way round",
            ONE_AFTER_THE_OTHER,
            evidence(row(B, 1, 2), row(A, 2, 1)),
            (Kind.REORDERED, A),
        ),
        (
            "no row of its partition at all",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 2), counted={}),
            (Kind.LOST, "P"),
        ),
        (
            "parked twice",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), recorded=(parked(B, 3), parked(B, 2))),
            (Kind.DOUBLED, B),
        ),
        (
            "captured and buffered",
            ONE_AFTER_THE_OTHER,
            evidence(
                row(A, 1),
                row(B, 2),
                recorded=(parked(B, 3)._replace(outcome=Outcome.BUFFERED),),
            ),
            (Kind.DOUBLED, B),
        ),
        (
            "captured, and a duplicate of itself",
            ONE_AFTER_THE_OTHER,
            evidence(
                row(A, 1),
                row(B, 2),
                recorded=(parked(B, 2)._replace(outcome=Outcome.DUPLICATE),),
            ),
            (Kind.DOUBLED, B),
        ),
        (
            "replayed, captured twice",
            ONE_AFTER_THE_OTHER,
            evidence(
                row(B, 1, 2), row(A, 2, 3), row(A, 3, 4), recorded=(parked(A, 1),), replayed=[A]
            ),
            (Kind.DOUBLED, A),
        ),
        (
            "still waits, though a later one is captured",
            ONE_AFTER_THE_OTHER,
            evidence(row(B, 1, 2), waiting={A: 1}),
            (Kind.REORDERED, A),
        ),
        (
            "wait the other way round",
            [sent(1, A), accepted(2, A, 2), sent(3, B), accepted(4, B, 1)],
            evidence(waiting={B: 1, A: 2}),
            (Kind.REORDERED, A),
        ),
        (
            "at the same time, not as accepted",
            AT_THE_SAME_TIME,
            evidence(row(A, 1, 2), row(B, 2, 1)),
            (Kind.REORDERED, B),
        ),
        (
            "an older epoch after a newer one",
            AT_THE_SAME_TIME,
            evidence(row(B, 1)._replace(epoch=2), row(A, 2)),
            (Kind.REORDERED, A),
        ),
        (
            "the second of a call accepted, the first not",
            [sent(1, A), sent(2, B), said(3, A, Said.UNKNOWN), accepted(4, B, 1)],
            evidence(row(B, 1)),
            (Kind.REORDERED, B),
        ),
        (
            "two at one position",
            [sent(1, A, "one"), sent(2, B, "other"), accepted(3, A, 1), accepted(4, B, 1, "other")],
            evidence(row(A, 1), row(B, 2, 1)),
            (Kind.REUSED, B),
        ),
        (
            "a position captured and parked",
            [sent(1, A, "one"), sent(2, B, "other"), accepted(3, A, 1), accepted(4, B, 1, "other")],
            evidence(row(A, 1), recorded=(parked(B, 1),)),
            (Kind.REUSED, B),
        ),
        (
            "a sequence given twice",
            AT_THE_SAME_TIME,
            evidence(row(B, 1), row(A, 1, 2)),
            (Kind.REUSED, A),
        ),
        (
            "never sent",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 2), row("T-C", 3)),
            (Kind.INVENTED, "T-C"),
        ),
        ("never sent, waits", [], evidence(waiting={A: 1}), (Kind.INVENTED, A)),
        (
            "refused, captured",
            [sent(1, A), said(2, A, Said.REFUSED)],
            evidence(row(A, 1)),
            (Kind.INVENTED, A),
        ),
        (
            "never sent, parked",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 2), recorded=(parked("T-C", 3),)),
            (Kind.INVENTED, "T-C"),
        ),
        (
            "refused, waits",
            [sent(1, A), said(2, A, Said.REFUSED)],
            evidence(waiting={A: 1}),
            (Kind.INVENTED, A),
        ),
        (
            "the document that was refused, not the one accepted",
            [*ONE_AFTER_THE_OTHER, sent(5, A, digest="other"), said(6, A, Said.REFUSED)],
            evidence(row(A, 1)._replace(digest="other"), row(B, 2)),
            (Kind.INVENTED, A),
        ),
        (
            "a resend got another position",
            [*ONE_AFTER_THE_OTHER, sent(5, A), accepted(6, A, 3)],
            evidence(row(A, 1), row(B, 2)),
            (Kind.WRONG_RECEIPT, A),
        ),
        (
            "the receipt names another position",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 2, 7)),
            (Kind.WRONG_RECEIPT, B),
        ),
        (
            "a receipt of a duplicate in the same epoch",
            [sent(1, A), said(2, A, Said.UNKNOWN), sent(3, A), accepted(4, A, 3)],
            evidence(row(A, 1, 2), recorded=(parked(A, 3)._replace(outcome=Outcome.DUPLICATE),)),
            (Kind.WRONG_RECEIPT, A),
        ),
        (
            "waits at another position",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), waiting={B: 3}),
            (Kind.WRONG_RECEIPT, B),
        ),
        (
            "parked at another position",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), recorded=(parked(B, 3),)),
            (Kind.WRONG_RECEIPT, B),
        ),
        (
            "parked as another document",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), recorded=(parked(B, 2)._replace(digest="other"),)),
            (Kind.CHANGED, B),
        ),
        (
            "another document",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 2)._replace(digest="other")),
            (Kind.CHANGED, B),
        ),
        (
            "another partition",
            ONE_AFTER_THE_OTHER,
            evidence(row(A, 1), row(B, 1, 2)._replace(partition="Q"), counted={"P": 1, "Q": 1}),
            (Kind.CHANGED, B),
        ),
    ],
)
def test_a_bad_history_is_found(
    what: str, events: list[Event], held: Evidence, found: tuple[Kind, str]
) -> None:
    """The checker reports exactly one finding, with the right kind and trade or partition."""
    assert kinds(check(events, held)) == [found], what


def test_tens_of_thousands_of_trades_of_one_partition_are_compared_quickly() -> None:
    """The checker finds one late trade among 40,000 in seconds, as it checks order in one pass."""
    ids = [f"T{number:05d}" for number in range(MANY)]
    events: list[Event] = []
    for number, trade_id in enumerate(ids):
        events += [sent(2 * number, trade_id), accepted(2 * number + 1, trade_id, number + 1)]
    late = ids.pop(7)
    rows = [row(trade_id, number) for number, trade_id in enumerate([*ids, late], start=1)]
    positions = {trade_id: number for number, trade_id in enumerate(sorted([*ids, late]), start=1)}
    rows = [captured._replace(position=positions[captured.trade_id]) for captured in rows]
    assert kinds(check(events, evidence(*rows))) == [(Kind.REORDERED, late)]
