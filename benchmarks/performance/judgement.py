"""The judgement: from what was seen of a test to figures and verdicts. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from benchmarks.percentile import Percentiles
from benchmarks.performance.trial import Observation, Sent
from benchmarks.performance.verdict import Verdict, at_least, at_most
from tradecapture.capture.status import TradeBody
from tradecapture.trades.lifecycle import TradeState

P95_MS = 500.0  # the desk's target, for the answer and for the capture
SUCCESS = 1.0  # share of trades accepted and captured; the service before was content with 0.9
# A request sent later than that was kept waiting by this machine, not by the service.
LATE_SENDING_MS = 100.0


class Result(Struct, frozen=True, rename="camel"):
    """What came of one test."""

    name: str
    what: str
    trades: int
    trades_per_second: float  # answered, from the first due moment to the last answer
    acceptance: Percentiles | None  # from the due moment to the 202
    capture: Percentiles | None  # to the first sight of it captured; of the watched trades
    capture_error_ms: float  # by how much the 95th percentile may be too high
    late_sending: Percentiles | None  # from the due moment to the sending: this machine's own
    success: float  # share of the trades that were accepted and captured
    problems: Mapping[str, int]  # why others were not, and how many
    verdicts: Sequence[Verdict]
    reached: bool  # all targets are


def judge(seen: Observation) -> Result:
    """Return the figures and verdicts of a test."""
    due = {answer.trade_id: answer.due for answer in seen.sent}
    # A refusal is no quick acceptance; it counts against the success.
    acceptance = Percentiles.of(
        [answer.answered - answer.due for answer in seen.sent if not answer.problem]
    )
    sighted = {name: sighting for name, sighting in seen.sightings.items() if sighting is not None}
    capture = Percentiles.of([found.latest - due[name] for name, found in sighted.items()])
    soonest = Percentiles.of([found.earliest - due[name] for name, found in sighted.items()])
    captured = sum(view.status is TradeState.CAPTURED for view in seen.views)
    success = captured / len(seen.sent)
    verdicts = [
        at_most("accepted, p95", None if acceptance is None else acceptance.p95_ms, P95_MS, "ms"),
        at_most("captured, p95", None if capture is None else capture.p95_ms, P95_MS, "ms"),
        at_least("captured of those sent", round(success, 6), SUCCESS, ""),
        at_most("out of order", out_of_order(seen.sent, seen.views), 0, "trades"),
    ]
    return Result(
        name=seen.test.name,
        what=seen.test.what,
        trades=len(seen.sent),
        trades_per_second=round(_rate(seen.sent), 1),
        acceptance=acceptance,
        capture=capture,
        capture_error_ms=round(capture.p95_ms - soonest.p95_ms, 1) if capture and soonest else 0.0,
        late_sending=Percentiles.of([answer.began - answer.due for answer in seen.sent]),
        success=round(success, 6),
        problems=_problems(seen),
        verdicts=verdicts,
        reached=all(verdict.reached for verdict in verdicts),
    )


def out_of_order(sent: Iterable[Sent], views: Iterable[TradeBody]) -> int:
    """Count trades that were captured out of order within their partition.

    Two orders must hold: a trade whose acceptance was answered before another was sent has the
    lower position; and the trade with the lower position has the lower number in the ledger.
    """
    answers = {answer.trade_id: answer for answer in sent}
    partitions: dict[str, list[TradeBody]] = defaultdict(list)
    for view in views:
        if view.status is TradeState.CAPTURED:
            partitions[view.partition_key].append(view)
    wrong = 0
    for trades in partitions.values():
        trades.sort(key=lambda view: view.position)
        number, began = 0, 0.0  # the highest so far
        for view in trades:
            answer = answers[view.trade_id]
            sequence = int(view.ledger_sequence or 0)
            wrong += sequence <= number or answer.answered < began
            number, began = max(number, sequence), max(began, answer.began)
    return wrong


def _problems(seen: Observation) -> dict[str, int]:
    refused = Counter(answer.problem for answer in seen.sent if answer.problem)
    ended = Counter(
        "accepted, not yet captured" if view.status is TradeState.ACCEPTED else view.status.value
        for view in seen.views
        if view.status is not TradeState.CAPTURED
    )
    unknown = len(seen.sent) - refused.total() - len(seen.views)
    return dict(refused + ended + Counter({"accepted, no status": unknown}))


def _rate(sent: Sequence[Sent]) -> float:
    seconds = max(answer.answered for answer in sent) - sent[0].due
    return len(sent) / seconds if seconds > 0 else 0.0
