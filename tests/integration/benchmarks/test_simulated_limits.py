"""The simulated limits: trades above them are refused, counted, and sent again in time."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.autoscaling.arrivals import Rate, Stream
from benchmarks.autoscaling.autoscaler import Policy, ScalingRules
from benchmarks.autoscaling.costs import costs_of
from benchmarks.autoscaling.inboxes import Cohort, TradeQueue, group_lanes
from benchmarks.autoscaling.limits import Limits
from benchmarks.autoscaling.simulation import (
    DayResult,
    SimulatedFleet,
    claims_due,
    simulate,
)
from tests.support.builders import submissions
from tradecapture.inbox import Inbox
from tradecapture.inbox.backlog import retry_after
from tradecapture.settings import Settings
from tradecapture.trades.receipt import Receipt, Refusal

SETTINGS = Settings()
PER_PROCESS = costs_of(SETTINGS).max_per_second
NEVER_CHANGES = ScalingRules(0, ())
FLEETS = st.builds(
    lambda partitions, per_process: Stream(partitions, lambda _second: per_process * PER_PROCESS),
    st.integers(1, 500),
    st.floats(0.01, 3),
)


def for_seconds(seconds: int, rate: float) -> Rate:
    """Return a rate that is constant for some seconds and then 0."""
    return lambda second: rate if second < seconds else 0.0


def one_process(settings: Settings, stream: Stream, seconds: int) -> DayResult:
    """Simulate a fleet that always has one process."""
    policy = Policy(1, 1, 1.0, NEVER_CHANGES, NEVER_CHANGES)
    return simulate((stream,), policy, claims_due, 1, settings, range(seconds))


@pytest.mark.parametrize(
    ("limits", "room"),
    [
        ({"limit_partition": 20}, 60),
        ({"limit_lane": 50}, 50),
        ({"limit_total": 40}, 40),
        ({"limit_partition": 20, "limit_lane": 60, "limit_total": 60}, 60),
        ({}, 90),
    ],
)
def test_as_many_come_in_as_the_inbox_lets_in(
    inbox: Inbox, settings: Settings, limits: dict[str, int], room: int
) -> None:
    """Three partitions with thirty trades each: Redis and the simulation accept the same number."""
    limited = replace(settings, **limits)  # type: ignore[arg-type]
    batch = [trade for number in range(3) for trade in submissions(30, f"B{number}")]
    answers = Inbox(inbox.redis, limited).accept(batch).answers
    assert sum(isinstance(answer, Receipt) for answer in answers) == room
    fleet = SimulatedFleet((Stream(3, for_seconds(1, 90)),), limited)
    for clients in fleet.clients:
        clients.send(0)
    assert fleet.waiting == pytest.approx(room)
    assert fleet.refused == pytest.approx(fleet.kept)
    assert fleet.refused == pytest.approx(90 - room)


def test_the_scope_that_is_full_says_when_to_come_back(inbox: Inbox, settings: Settings) -> None:
    """If partition and lane are both full, the partition answers, as in the inbox."""
    limited = replace(settings, limit_partition=20, limit_lane=20)
    (*_, refusal) = Inbox(inbox.redis, limited).accept(submissions(21)).answers
    assert isinstance(refusal, Refusal)
    (lanes,) = group_lanes([Stream(1, for_seconds(1, 0))], costs_of(limited), 1)
    lanes.inboxes[0].accept([Cohort(0, 20)])
    limits = Limits([lanes], limited)
    scope = limits.room(lanes, lanes.inboxes[0]).scope
    assert scope == "partition" in refusal.message
    answer = limits.retry_after(scope, lanes, lanes.inboxes[0])
    assert answer == refusal.retry_after_seconds


@pytest.mark.parametrize("scope", ["limit_partition", "limit_lane", "limit_total"])
def test_what_is_refused_comes_back_after_retry_after(scope: str) -> None:
    """A refused client waits for the `Retry-After` that the inbox computes, and no longer."""
    limit = 100_000
    limits = dict.fromkeys(("limit_partition", "limit_lane", "limit_total"), 10**9)
    settings = replace(SETTINGS, lanes=1, **{**limits, scope: limit})  # type: ignore[arg-type]
    fleet = SimulatedFleet((Stream(1, for_seconds(30, 4 * PER_PROCESS)),), settings)
    refused_at, before = [], 0.0
    for second in range(30):
        fleet.pass_second(second, 1)
        if fleet.refused > before:
            refused_at.append(second)
        before = fleet.refused
    retry_seconds = retry_after(limit, limit, PER_PROCESS)
    assert retry_seconds > 1
    assert {later - earlier for earlier, later in pairwise(refused_at)} == {retry_seconds}


def test_a_limit_bounds_what_waits_and_loses_nothing() -> None:
    """Trades above a limit are refused and captured later; waits count from the first sending."""
    small = replace(SETTINGS, limit_total=20_000)
    arriving = 4 * PER_PROCESS
    stream = Stream(200, for_seconds(20, arriving))
    free, limited = (one_process(settings, stream, 200) for settings in (SETTINGS, small))
    assert (free.refused, max(free.kept)) == (0, 0)
    assert max(limited.waiting) <= 20_000
    assert limited.refused >= max(limited.kept) > 50_000
    for outcome in (free, limited):
        assert outcome.waiting[-1] == outcome.kept[-1] == 0
        assert sum(trades for _, trades in outcome.waits) == pytest.approx(20 * arriving)
    # For 20 s, four seconds' work arrives each second: the last trade waits for at least 60 s.
    assert 59 <= free.wait_seconds(1.0) <= 62
    assert free.wait_seconds(1.0) <= limited.wait_seconds(1.0) < 90


@given(FLEETS, st.integers(0, 3), st.integers(1, 100_000))
def test_every_trade_is_captured_or_waits_somewhere(
    stream: Stream, processes: int, limit: int
) -> None:
    """No trade is lost or invented, whatever the fleet and the limit."""
    fleet = SimulatedFleet((stream,), replace(SETTINGS, limit_total=limit))
    arrived = 0.0
    for second in range(20):
        fleet.pass_second(second, processes)
        arrived += stream.rate(second)
        captured = sum(inboxes.captured[-1] for inboxes in fleet.inboxes)
        assert captured + fleet.waiting + fleet.kept == pytest.approx(arrived, abs=0.01)
        assert fleet.waiting <= limit + 1e-6
    waited = sum(trades for _seconds, trades in fleet.waits(20))
    assert waited == pytest.approx(arrived, abs=0.01)


def test_the_lane_of_a_hot_partition_is_simulated_separately() -> None:
    """One lane has the hot partition; the other lanes are alike and share the rest."""
    streams = [Stream(10_000, lambda _second: 160.0), Stream(1, lambda _second: 5.0)]
    hot, others = group_lanes(streams, costs_of(SETTINGS), 16)
    assert (hot.number, others.number) == (1, 15)
    assert [part.stream.partitions for part in hot.inboxes] == [625, 1]
    assert [part.stream.partitions for part in others.inboxes] == [9375]
    assert [part.stream.rate(0) for part in (*hot.inboxes, *others.inboxes)] == [10, 5, 150]


@given(st.lists(st.integers(1, 50)), st.lists(st.integers(0, 80)))
def test_a_queue_returns_the_oldest_first(joining: list[int], taking: list[int]) -> None:
    """`take` removes the requested number, or all, and returns no trade twice."""
    queue, taken = TradeQueue(), list[Cohort]()
    for second, trades in enumerate(joining):
        queue.append(Cohort(second, trades))
    for trades in taking:
        waiting = queue.trades
        cohorts = queue.take(trades)
        assert sum(cohort.trades for cohort in cohorts) == pytest.approx(min(trades, waiting))
        taken += cohorts
    rest = [*taken, *queue]
    assert [cohort.second for cohort in rest] == sorted(cohort.second for cohort in rest)
    assert sum(cohort.trades for cohort in rest) == pytest.approx(sum(joining))
