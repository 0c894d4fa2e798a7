"""The assessment of a performance test: figures, order and success."""

from datetime import UTC, datetime

from benchmarks.performance.assessment import assess
from benchmarks.performance.capture_watch import Sighting
from benchmarks.performance.runner import Observation, SentTrade
from benchmarks.performance.scenarios import SCENARIOS
from tradecapture.capture.status import TradeBody
from tradecapture.trades.lifecycle import TradeState

NOW = datetime.now(UTC)


def sent(number: int, *, due: float = 0.0, answered: float = 0.1, problem: str = "") -> SentTrade:
    """Return a trade that was sent when it was due."""
    return SentTrade(f"T{number}", due, due, answered, problem)


def status(number: int, sequence: int, state: TradeState = TradeState.CAPTURED) -> TradeBody:
    """Return the status of a trade whose position is its number."""
    return TradeBody(f"T{number}", state, "P", number, NOW, sequence, NOW)


def wrong(*trades: tuple[SentTrade, TradeBody]) -> float | None:
    """Return how many trades are reported as out of order."""
    sent_trades, statuses = zip(*trades, strict=True)
    result = assess(Observation(SCENARIOS[0], sent_trades, {}, statuses))
    (measured,) = (
        verdict.measured for verdict in result.verdicts if verdict.what == "out of order"
    )
    return measured


def test_the_ledger_must_number_trades_in_the_order_of_their_positions() -> None:
    """A higher position with a lower or equal number is out of order."""
    assert wrong((sent(1), status(1, 1)), (sent(2), status(2, 2)), (sent(3), status(3, 7))) == 0
    assert wrong((sent(1), status(1, 2)), (sent(2), status(2, 1))) == 1
    assert wrong((sent(1), status(1, 1)), (sent(2), status(2, 1))) == 1


def test_a_trade_answered_before_another_was_sent_has_the_lower_position() -> None:
    """Of two concurrent trades either may be first; of two consecutive ones only the first."""
    at_once = (sent(2, due=0.0, answered=1.0), sent(1, due=0.5, answered=2.0))
    assert wrong((at_once[0], status(2, 2)), (at_once[1], status(1, 1))) == 0
    in_turn = (sent(2, due=0.0, answered=1.0), sent(1, due=1.5, answered=2.0))
    assert wrong((in_turn[0], status(2, 2)), (in_turn[1], status(1, 1))) == 1


def test_figures_count_from_the_due_moment_and_the_error_is_told() -> None:
    """A capture counts until it is first seen; the error says how much earlier it may have been."""
    trades = [sent(1, due=10.0, answered=10.2), sent(2, due=11.0, answered=11.1)]
    sightings = {"T1": Sighting(10.25, 10.3), "T2": Sighting(11.2, 11.35)}
    result = assess(Observation(SCENARIOS[0], trades, sightings, [status(1, 1), status(2, 2)]))
    assert result.acceptance is not None
    assert (result.acceptance.p50_ms, result.acceptance.p95_ms) == (100.0, 200.0)
    assert result.capture is not None
    assert (result.capture.p50_ms, result.capture.p95_ms) == (300.0, 350.0)
    assert result.capture_error_ms == 100.0
    assert result.reached


def test_each_trade_that_is_not_captured_misses_the_target_and_says_why() -> None:
    """Refused, waiting, parked and unknown trades each miss the target and are counted."""
    trades = [sent(1), sent(2, problem="answered 503"), sent(3), sent(4), sent(5)]
    statuses = [status(1, 1), status(3, 0, TradeState.ACCEPTED), status(4, 0, TradeState.PARKED)]
    result = assess(Observation(SCENARIOS[0], trades, {"T1": Sighting(0.1, 0.2)}, statuses))
    assert result.success == 0.2
    assert result.problems == {
        "answered 503": 1,
        "accepted, not yet captured": 1,
        "PARKED": 1,
        "accepted, no status": 1,
    }
    assert not result.reached
