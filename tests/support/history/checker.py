"""The checker of a history, as Jepsen has one: pure, events and evidence in, findings out."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from math import inf

from tests.support.history.calls import overtaken
from tests.support.history.event import Event
from tests.support.history.evidence import CapturedTrade, Evidence, RecordedTrade
from tests.support.history.finding import Finding, Kind
from tests.support.history.sent import Sent, read_sent
from tradecapture.trades.lifecycle import Outcome

__all__ = ["Finding", "Kind", "check"]

# Recorded so that it can still have its effect: it must not have had it already.
HELD = (Outcome.PARKED, Outcome.BUFFERED)


def check(events: Iterable[Event], evidence: Evidence) -> list[Finding]:
    """Compare what was answered with what is there; nothing found means that all is well.

    Answers that are unknown bind nothing: such a trade may be there or not. Trades that were under
    way at the same time may be accepted in either order, and captured only in that one; those that
    a process sent before it got an answer are one call, whose order counts. Trades with
    upstream's sequence numbers stand by these: check them otherwise. Takes O(n log n).

    Args:
        events: oldest first; an answer belongs to its process's last invocation of the trade.
        evidence: read after the last event, with nothing under way.
    """
    events = list(events)
    sent = read_sent(events)
    return [
        *_lost(sent, evidence),
        *_doubled(evidence),
        *_reordered(sent, evidence),
        *overtaken(events),
        *_reused(evidence),
        *_invented_or_changed(sent, evidence),
        *_wrong_receipts(sent, evidence),
    ]


def _lost(sent: dict[str, Sent], evidence: Evidence) -> Iterator[Finding]:
    there = {trade.trade_id for trade in evidence.captured} | set(evidence.waiting)
    # A duplicate refers to a captured trade; where that is missing, the trade is nowhere.
    there |= {
        trade.trade_id for trade in evidence.recorded if trade.outcome is not Outcome.DUPLICATE
    }
    for trade_id, trade in sent.items():
        if trade.is_accepted and trade_id not in there:
            yield Finding(Kind.LOST, trade_id, f"accepted at {trade.accepted_at:.6f}, nowhere now")
    captured = Counter(trade.partition for trade in evidence.captured)
    for partition, number in captured.items():
        if evidence.counted.get(partition, 0) < number:
            counted = evidence.counted.get(partition, 0)
            yield Finding(Kind.LOST, partition, f"its row counts {counted} of {number} trades")


def _doubled(evidence: Evidence) -> Iterator[Finding]:
    effects: dict[str, list[CapturedTrade | RecordedTrade]] = defaultdict(list)
    for captured in evidence.captured:
        effects[captured.trade_id].append(captured)
    captured_at = {(trade.partition, trade.epoch, trade.position) for trade in evidence.captured}
    for recorded in evidence.recorded:
        # A replayed trade was recorded in one place and has its effect in another.
        is_held = recorded.outcome in HELD and recorded.trade_id not in evidence.replayed
        if is_held or (recorded.partition, recorded.epoch, recorded.position) in captured_at:
            effects[recorded.trade_id].append(recorded)
    for trade_id, places in effects.items():
        if len(places) > 1:
            yield Finding(Kind.DOUBLED, trade_id, " and ".join(map(str, places)))
    captured_in = Counter(trade.partition for trade in evidence.captured)
    for partition, counted in evidence.counted.items():
        if counted > captured_in[partition]:
            detail = f"its row counts {counted} trades, the ledger has {captured_in[partition]}"
            yield Finding(Kind.DOUBLED, partition, detail)


def _reordered(sent: dict[str, Sent], evidence: Evidence) -> Iterator[Finding]:
    latest: dict[str, tuple[float, str]] = {}  # partition -> of those before: the last one sent
    furthest: dict[str, tuple[float, int]] = {}  # partition -> epoch and position, the same
    # Neither a trade's second effect nor one replayed at the tail is compared.
    passed = set(evidence.replayed)
    for trade_id, partition, place in _as_they_stand(sent, evidence):
        if trade_id not in sent or trade_id in passed:
            continue
        passed.add(trade_id)
        mine = sent[trade_id]
        sent_at, before = latest.get(partition, (-inf, ""))
        reached = furthest.get(partition, (-inf, 0))
        if mine.accepted_at < sent_at:
            late = sent_at - mine.accepted_at
            detail = f"stands after {before}, which was sent {late:.6f} s after its receipt"
            yield Finding(Kind.REORDERED, trade_id, detail)
        elif place < reached:
            detail = f"accepted at {place}, stands after one accepted at {reached}"
            yield Finding(Kind.REORDERED, trade_id, detail)
        latest[partition] = max((mine.invoked_at, trade_id), (sent_at, before))
        furthest[partition] = max(place, reached)


def _as_they_stand(
    sent: dict[str, Sent], evidence: Evidence
) -> Iterator[tuple[str, str, tuple[float, int]]]:
    """Yield id, partition and place: what is captured, in order, and then what waits behind it."""
    for trade in sorted(evidence.captured, key=lambda trade: (trade.partition, trade.sequence)):
        yield trade.trade_id, trade.partition, (trade.epoch, trade.position)
    for trade_id, position in sorted(evidence.waiting.items(), key=lambda item: item[1]):
        if trade_id in sent:
            # Of the epoch of Redis now, which is the last one.
            yield trade_id, sent[trade_id].partition, (inf, position)


def _reused(evidence: Evidence) -> Iterator[Finding]:
    positions: dict[tuple[str, int, int], str] = {}
    there: list[CapturedTrade | RecordedTrade] = [*evidence.captured, *evidence.recorded]
    for trade in there:
        place = (trade.partition, trade.epoch, trade.position)
        first = positions.setdefault(place, trade.trade_id)
        if first != trade.trade_id:
            yield Finding(Kind.REUSED, trade.trade_id, f"position {place} is that of {first} too")
    sequences: dict[tuple[str, int], str] = {}
    for captured in evidence.captured:
        number = (captured.partition, captured.sequence)
        first = sequences.setdefault(number, captured.trade_id)
        if first != captured.trade_id:
            yield Finding(
                Kind.REUSED, captured.trade_id, f"sequence {number} is that of {first} too"
            )


def _invented_or_changed(sent: dict[str, Sent], evidence: Evidence) -> Iterator[Finding]:
    there: list[CapturedTrade | RecordedTrade] = [*evidence.captured, *evidence.recorded]
    for trade in there:
        mine = sent.get(trade.trade_id)
        if mine is None:
            yield Finding(Kind.INVENTED, trade.trade_id, f"never sent, in {trade.partition}")
        elif trade.partition != mine.partition:
            detail = f"sent to {mine.partition}, is in {trade.partition}"
            yield Finding(Kind.CHANGED, trade.trade_id, detail)
        elif trade.digest not in mine.open:
            detail = f"sent {' and '.join(mine.open)}, is {trade.digest}"
            yield Finding(Kind.CHANGED, trade.trade_id, detail)
        elif not mine.open[trade.digest]:
            yield Finding(Kind.INVENTED, trade.trade_id, "each time refused, and yet there")
    for trade_id in evidence.waiting:
        if trade_id not in sent:
            yield Finding(Kind.INVENTED, trade_id, "never sent, waits")
        elif sent[trade_id].is_refused:
            yield Finding(Kind.INVENTED, trade_id, "each time refused, and yet it waits")


def _wrong_receipts(sent: dict[str, Sent], evidence: Evidence) -> Iterator[Finding]:
    places = {
        **evidence.waiting,
        **{trade.trade_id: trade.position for trade in evidence.recorded},
        **{trade.trade_id: trade.position for trade in evidence.captured},
    }
    # Captured before a failover whose replica did not know it: its receipt is that of its resend.
    epochs = {trade.trade_id: trade.epoch for trade in evidence.captured}
    known_again = {
        (trade.trade_id, trade.position)
        for trade in evidence.recorded
        if trade.outcome is Outcome.DUPLICATE
        and trade.epoch > epochs.get(trade.trade_id, trade.epoch)
    }
    for trade_id, mine in sent.items():
        named = sorted(mine.positions)
        if len(named) > 1:
            yield Finding(Kind.WRONG_RECEIPT, trade_id, f"receipts name {named}")
        elif trade_id in evidence.replayed:
            continue  # its receipt names the place where it was recorded
        elif named and (trade_id, named[0]) in known_again:
            continue
        elif named and trade_id in places and places[trade_id] not in named:
            detail = f"its receipt names {named[0]}, it stands at {places[trade_id]}"
            yield Finding(Kind.WRONG_RECEIPT, trade_id, detail)
