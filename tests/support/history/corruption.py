"""Corrupts a correct execution in every single way that the checker must find."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from msgspec import structs

from tests.support.history.checker import Kind
from tests.support.history.event import Answered, Event, Invoked, Said
from tests.support.history.evidence import CapturedTrade, Evidence, RecordedTrade
from tradecapture.trades.lifecycle import Outcome


class Corruption(NamedTuple):
    """A history and evidence with one error, and the finding that the checker must report."""

    kind: Kind
    subject: str
    events: list[Event]
    evidence: Evidence


def corruptions(events: list[Event], evidence: Evidence) -> Iterator[Corruption]:
    """Yield each single corruption of a correct execution."""
    accepted = {
        event.trade_id
        for event in events
        if isinstance(event, Answered) and event.said is Said.ACCEPTED
    }
    for row in evidence.captured:
        yield from _of_captured(row, events, evidence, is_accepted=row.trade_id in accepted)
    for other in evidence.recorded:
        rest = [row for row in evidence.recorded if row is not other]
        if other.trade_id in accepted:
            without = evidence._replace(recorded=rest)
            yield Corruption(Kind.LOST, other.trade_id, events, without)
        changed = evidence._replace(recorded=[*rest, other._replace(digest="another")])
        yield Corruption(Kind.CHANGED, other.trade_id, events, changed)
    for trade_id in evidence.waiting.keys() & accepted:
        waiting = {i: position for i, position in evidence.waiting.items() if i != trade_id}
        without = evidence._replace(waiting=waiting)
        yield Corruption(Kind.LOST, trade_id, events, without)
    yield from _swapped(events, evidence)
    yield from _reused(events, evidence)
    yield from _invented(events, evidence)
    for index, event in enumerate(events):
        if isinstance(event, Answered) and event.position is not None:
            wrong = structs.replace(event, position=event.position + 1)
            history = [*events[:index], wrong, *events[index + 1 :]]
            yield Corruption(Kind.WRONG_RECEIPT, event.trade_id, history, evidence)


def _of_captured(
    row: CapturedTrade, events: list[Event], evidence: Evidence, *, is_accepted: bool
) -> Iterator[Corruption]:
    rest = [other for other in evidence.captured if other is not row]
    counted = evidence.counted[row.partition]
    if is_accepted:
        fewer = {**evidence.counted, row.partition: counted - 1}
        without = evidence._replace(captured=rest, counted=fewer)
        yield Corruption(Kind.LOST, row.trade_id, events, without)
    more = {**evidence.counted, row.partition: counted + 1}
    again = row._replace(sequence=counted + 1)
    twice = evidence._replace(captured=[*evidence.captured, again], counted=more)
    yield Corruption(Kind.DOUBLED, row.trade_id, events, twice)
    yield Corruption(Kind.DOUBLED, row.partition, events, evidence._replace(counted=more))
    uncounted = evidence._replace(counted={**evidence.counted, row.partition: counted - 1})
    yield Corruption(Kind.LOST, row.partition, events, uncounted)
    parked = RecordedTrade(
        row.trade_id, row.partition, row.epoch, row.position, row.digest, Outcome.PARKED
    )
    both = evidence._replace(recorded=[*evidence.recorded, parked])
    yield Corruption(Kind.DOUBLED, row.trade_id, events, both)
    for changed in (row._replace(digest="another"), row._replace(partition="another")):
        yield Corruption(
            Kind.CHANGED, row.trade_id, events, evidence._replace(captured=[*rest, changed])
        )


def _swapped(events: list[Event], evidence: Evidence) -> Iterator[Corruption]:
    """Swap the sequences of two trades sent one after the other, or the positions of any two."""
    sent: dict[str, float] = {}
    answered: dict[str, float] = {}
    for event in events:
        if isinstance(event, Invoked):
            sent.setdefault(event.trade_id, event.at)
        elif isinstance(event, Answered) and event.said is Said.ACCEPTED:
            answered.setdefault(event.trade_id, event.at)
    for one, other in combinations(evidence.captured, 2):
        in_order = answered.get(one.trade_id, float("inf")) < sent[other.trade_id]
        if one.partition == other.partition and in_order:
            rest = [row for row in evidence.captured if row not in (one, other)]
            swapped = [
                one._replace(sequence=other.sequence),
                other._replace(sequence=one.sequence),
            ]
            wrong = evidence._replace(captured=rest + swapped)
            yield Corruption(Kind.REORDERED, one.trade_id, events, wrong)
        if one.partition == other.partition:
            rest = [row for row in evidence.captured if row not in (one, other)]
            moved = [one._replace(position=other.position), other._replace(position=one.position)]
            wrong = evidence._replace(captured=rest + moved)
            yield Corruption(Kind.REORDERED, other.trade_id, events, wrong)


def _reused(events: list[Event], evidence: Evidence) -> Iterator[Corruption]:
    """Give a trade the position or the sequence of another of its partition."""
    for one, other in combinations(evidence.captured, 2):
        if one.partition == other.partition:
            rest = [row for row in evidence.captured if row is not other]
            for reused in (
                other._replace(position=one.position),
                other._replace(sequence=one.sequence),
            ):
                wrong = evidence._replace(captured=[*rest, reused])
                yield Corruption(Kind.REUSED, other.trade_id, events, wrong)


def _invented(events: list[Event], evidence: Evidence) -> Iterator[Corruption]:
    """Capture a trade that was never sent, or one that was only refused."""
    documents = {"T0": ("P0", "never sent")}
    maybe_accepted: set[str] = set()
    unanswered: dict[tuple[str, str], Invoked] = {}
    for event in events:
        if isinstance(event, Invoked):
            unanswered[event.process, event.trade_id] = event
            documents[event.trade_id] = (event.partition, event.digest)
        elif isinstance(event, Answered):
            del unanswered[event.process, event.trade_id]
            if event.said is not Said.REFUSED:
                maybe_accepted.add(event.trade_id)
    maybe_accepted |= {event.trade_id for event in unanswered.values()}
    for trade_id, (partition, digest) in documents.items():
        if trade_id in maybe_accepted:
            continue
        number = evidence.counted.get(partition, 0) + 1
        row = CapturedTrade(trade_id, partition, number, 1, 10_000, digest)
        wrong = evidence._replace(
            captured=[*evidence.captured, row], counted={**evidence.counted, partition: number}
        )
        yield Corruption(Kind.INVENTED, trade_id, events, wrong)
