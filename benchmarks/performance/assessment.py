"""The assessment: computes figures and verdicts from what was observed of a test. No I/O."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from benchmarks.percentile import Percentiles
from benchmarks.performance.runner import Observation, SentTrade
from benchmarks.performance.verdict import Verdict, at_least, at_most
from tradecapture.capture.status import TradeBody
from tradecapture.trades.lifecycle import TradeState

P95_MS = 500.0  # the desk's target, for the answer and for the capture
SUCCESS = 1.0  # share of trades accepted and captured; the previous service accepted 0.9 as enough
# A request that was sent later than this was delayed by this machine, not by the service.
LATE_SENDING_MS = 100.0


class Result(Struct, frozen=True, rename="camel"):
    """The result of one test."""

    name: str
    what: str
    trades: int
    trades_per_second: float  # answered, from the first due moment to the last answer
    acceptance: Percentiles | None  # from the due moment to the 202
    capture: Percentiles | None  # until the trade is first seen as captured; of the watched trades
    capture_error_ms: float  # by how much the 95th percentile may be too high
    late_sending: Percentiles | None  # from the due moment to the sending: this machine's own delay
    success: float  # share of the trades that were accepted and captured
    problems: Mapping[str, int]  # reason -> trades that were not captured
    verdicts: Sequence[Verdict]
    reached: bool  # whether all targets are reached


def assess(observation: Observation) -> Result:
    """Return the figures and verdicts of a test."""
    sent = observation.sent
    due = {trade.trade_id: trade.due for trade in sent}
    # A refusal is not a quick acceptance; it counts against the success.
    acceptance = Percentiles.of([trade.answered - trade.due for trade in sent if not trade.problem])
    sightings = {
        trade_id: sighting
        for trade_id, sighting in observation.sightings.items()
        if sighting is not None
    }
    capture = Percentiles.of([s.latest - due[trade_id] for trade_id, s in sightings.items()])
    earliest = Percentiles.of([s.earliest - due[trade_id] for trade_id, s in sightings.items()])
    captured = sum(status.status is TradeState.CAPTURED for status in observation.statuses)
    success = captured / len(sent)
    disorder = count_out_of_order(sent, observation.statuses)
    verdicts = [
        at_most("accepted, p95", None if acceptance is None else acceptance.p95_ms, P95_MS, "ms"),
        at_most("captured, p95", None if capture is None else capture.p95_ms, P95_MS, "ms"),
        at_least("captured of those sent", round(success, 6), SUCCESS, ""),
        at_most("out of order", disorder, 0, "trades"),
    ]
    return Result(
        name=observation.scenario.name,
        what=observation.scenario.what,
        trades=len(sent),
        trades_per_second=round(_rate(sent), 1),
        acceptance=acceptance,
        capture=capture,
        capture_error_ms=(
            round(capture.p95_ms - earliest.p95_ms, 1) if capture and earliest else 0.0
        ),
        late_sending=Percentiles.of([trade.began - trade.due for trade in sent]),
        success=round(success, 6),
        problems=_problems(observation),
        verdicts=verdicts,
        reached=all(verdict.reached for verdict in verdicts),
    )


def count_out_of_order(sent: Iterable[SentTrade], statuses: Iterable[TradeBody]) -> int:
    """Count the trades that were captured out of order within their partition.

    Two orders must hold. A trade whose acceptance was answered before another was sent has the
    lower position. The trade with the lower position has the lower number in the ledger.
    """
    by_id = {trade.trade_id: trade for trade in sent}
    partitions: dict[str, list[TradeBody]] = defaultdict(list)
    for status in statuses:
        if status.status is TradeState.CAPTURED:
            partitions[status.partition_key].append(status)
    wrong = 0
    for trades in partitions.values():
        trades.sort(key=lambda status: status.position)
        max_sequence, last_began = 0, 0.0
        for status in trades:
            trade = by_id[status.trade_id]
            sequence = int(status.ledger_sequence or 0)
            wrong += sequence <= max_sequence or trade.answered < last_began
            max_sequence, last_began = max(max_sequence, sequence), max(last_began, trade.began)
    return wrong


def _problems(observation: Observation) -> dict[str, int]:
    refused = Counter(trade.problem for trade in observation.sent if trade.problem)
    not_captured = Counter(
        "accepted, not yet captured"
        if status.status is TradeState.ACCEPTED
        else status.status.value
        for status in observation.statuses
        if status.status is not TradeState.CAPTURED
    )
    unknown = len(observation.sent) - refused.total() - len(observation.statuses)
    return dict(refused + not_captured + Counter({"accepted, no status": unknown}))


def _rate(sent: Sequence[SentTrade]) -> float:
    seconds = max(trade.answered for trade in sent) - sent[0].due
    return len(sent) / seconds if seconds > 0 else 0.0
