"""Checks a history against what a deployment holds, as Jepsen's checkers do; a pure function."""

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

# A trade with such an outcome may still be captured later, so it must not be captured already.
HELD = (Outcome.PARKED, Outcome.BUFFERED)


def check(events: Iterable[Event], evidence: Evidence) -> list[Finding]:
    """Compare the answers that clients got with what the deployment holds.

    A trade whose answer is unknown may be held or not. Trades that were sent concurrently may be
    accepted in any order, but must be captured in the order of their acceptance. Trades that a
    process sent before it got an answer form one call, and the order within a call counts. Trades
    with upstream's sequence numbers are ordered by these numbers, so do not check them here. The
    check takes O(n log n).

    Args:
        events: oldest first; an answer belongs to its process's last invocation of the trade.
        evidence: read after the last event, when no request was open.

    Returns:
        One finding for each problem; empty if all invariants hold.
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
    held = {trade.trade_id for trade in evidence.captured} | set(evidence.waiting)
    # A duplicate refers to a captured trade. If that one is missing, the duplicate proves nothing.
    held |= {
        trade.trade_id for trade in evidence.recorded if trade.outcome is not Outcome.DUPLICATE
    }
    for trade_id, trade in sent.items():
        if trade.is_accepted and trade_id not in held:
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
    captured_places = {
        (trade.partition, trade.epoch, trade.position) for trade in evidence.captured
    }
    for recorded in evidence.recorded:
        # A replayed trade was recorded at one position and is captured at another.
        is_held = recorded.outcome in HELD and recorded.trade_id not in evidence.replayed
        place = (recorded.partition, recorded.epoch, recorded.position)
        if is_held or place in captured_places:
            effects[recorded.trade_id].append(recorded)
    for trade_id, rows in effects.items():
        if len(rows) > 1:
            yield Finding(Kind.DOUBLED, trade_id, " and ".join(map(str, rows)))
    captured_counts = Counter(trade.partition for trade in evidence.captured)
    for partition, counted in evidence.counted.items():
        if counted > captured_counts[partition]:
            detail = f"its row counts {counted} trades, the ledger has {captured_counts[partition]}"
            yield Finding(Kind.DOUBLED, partition, detail)


def _reordered(sent: dict[str, Sent], evidence: Evidence) -> Iterator[Finding]:
    # Of the trades compared so far, for each partition: when the last one was sent, and its id.
    last_sent: dict[str, tuple[float, str]] = {}
    max_places: dict[str, tuple[float, int]] = {}  # partition -> greatest epoch and position so far
    # A trade that was captured twice is compared once, and a replayed trade never.
    skipped = set(evidence.replayed)
    for trade_id, partition, place in _in_ledger_order(sent, evidence):
        if trade_id not in sent or trade_id in skipped:
            continue
        skipped.add(trade_id)
        trade = sent[trade_id]
        sent_at, previous = last_sent.get(partition, (-inf, ""))
        max_place = max_places.get(partition, (-inf, 0))
        if trade.accepted_at < sent_at:
            late = sent_at - trade.accepted_at
            detail = f"stands after {previous}, which was sent {late:.6f} s after its receipt"
            yield Finding(Kind.REORDERED, trade_id, detail)
        elif place < max_place:
            detail = f"accepted at {place}, stands after one accepted at {max_place}"
            yield Finding(Kind.REORDERED, trade_id, detail)
        last_sent[partition] = max((trade.invoked_at, trade_id), (sent_at, previous))
        max_places[partition] = max(place, max_place)


def _in_ledger_order(
    sent: dict[str, Sent], evidence: Evidence
) -> Iterator[tuple[str, str, tuple[float, int]]]:
    """Yield id, partition and (epoch, position) of captured trades, then of waiting ones."""
    for trade in sorted(evidence.captured, key=lambda trade: (trade.partition, trade.sequence)):
        yield trade.trade_id, trade.partition, (trade.epoch, trade.position)
    for trade_id, position in sorted(evidence.waiting.items(), key=lambda item: item[1]):
        if trade_id in sent:
            # What waits belongs to the current epoch, which is the greatest.
            yield trade_id, sent[trade_id].partition, (inf, position)


def _reused(evidence: Evidence) -> Iterator[Finding]:
    positions: dict[tuple[str, int, int], str] = {}
    rows: list[CapturedTrade | RecordedTrade] = [*evidence.captured, *evidence.recorded]
    for trade in rows:
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
    rows: list[CapturedTrade | RecordedTrade] = [*evidence.captured, *evidence.recorded]
    for row in rows:
        trade = sent.get(row.trade_id)
        if trade is None:
            yield Finding(Kind.INVENTED, row.trade_id, f"never sent, in {row.partition}")
        elif row.partition != trade.partition:
            detail = f"sent to {trade.partition}, is in {row.partition}"
            yield Finding(Kind.CHANGED, row.trade_id, detail)
        elif row.digest not in trade.open:
            detail = f"sent {' and '.join(trade.open)}, is {row.digest}"
            yield Finding(Kind.CHANGED, row.trade_id, detail)
        elif not trade.open[row.digest]:
            yield Finding(Kind.INVENTED, row.trade_id, "each time refused, and yet there")
    for trade_id in evidence.waiting:
        if trade_id not in sent:
            yield Finding(Kind.INVENTED, trade_id, "never sent, waits")
        elif sent[trade_id].is_refused:
            yield Finding(Kind.INVENTED, trade_id, "each time refused, and yet it waits")


def _wrong_receipts(sent: dict[str, Sent], evidence: Evidence) -> Iterator[Finding]:
    positions = {
        **evidence.waiting,
        **{trade.trade_id: trade.position for trade in evidence.recorded},
        **{trade.trade_id: trade.position for trade in evidence.captured},
    }
    # A trade may have been captured before a failover to a replica that did not know it. A resend
    # then gets a new position, is recorded as a duplicate, and its receipt names that position.
    epochs = {trade.trade_id: trade.epoch for trade in evidence.captured}
    accepted_again = {
        (trade.trade_id, trade.position)
        for trade in evidence.recorded
        if trade.outcome is Outcome.DUPLICATE
        and trade.epoch > epochs.get(trade.trade_id, trade.epoch)
    }
    for trade_id, trade in sent.items():
        in_receipts = sorted(trade.positions)
        if len(in_receipts) > 1:
            yield Finding(Kind.WRONG_RECEIPT, trade_id, f"receipts name {in_receipts}")
        elif trade_id in evidence.replayed:
            continue  # its receipt names the position at which it was recorded
        elif in_receipts and (trade_id, in_receipts[0]) in accepted_again:
            continue
        elif in_receipts and trade_id in positions and positions[trade_id] not in in_receipts:
            detail = f"its receipt names {in_receipts[0]}, it stands at {positions[trade_id]}"
            yield Finding(Kind.WRONG_RECEIPT, trade_id, detail)
