"""The faults of a soak depend on its seed alone, and do not overlap."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.support.faults.schedule import FaultKind, schedule

seeds = st.integers(0, 2**32)


@given(seeds, st.floats(0, 600))
def test_the_same_seed_gives_the_same_faults(seed: int, seconds: float) -> None:
    """The same seed and length give the same schedule."""
    assert schedule(seed, seconds) == schedule(seed, seconds)


@given(seeds)
def test_a_longer_soak_begins_as_a_shorter_one(seed: int) -> None:
    """A longer soak of the same seed has the faults of a shorter one at the same times."""
    short = schedule(seed, 60)
    assert schedule(seed, 300)[: len(short)] == short


@given(seeds, st.floats(0, 600))
def test_faults_follow_each_other_within_the_time(seed: int, seconds: float) -> None:
    """Each fault starts after the last one has ended, and all end before the traffic does."""
    planned = schedule(seed, seconds)
    for one, other in pairwise(planned):
        assert one.at_seconds + one.lasts_seconds < other.at_seconds
    assert all(fault.at_seconds + fault.lasts_seconds < seconds for fault in planned)


@given(seeds)
def test_every_kind_has_its_turn(seed: int) -> None:
    """A soak of three minutes has each fault at least once."""
    assert {fault.kind for fault in schedule(seed, 180)} == set(FaultKind)


def test_seeds_differ() -> None:
    """Another seed gives other faults."""
    assert len({tuple(schedule(seed, 60)) for seed in range(100)}) == 100


def test_a_seed_of_an_old_report_repeats_it() -> None:
    """A seed keeps its faults between releases; a change must be named in the changelog."""
    assert [fault.kind for fault in schedule(11, 33)] == [
        FaultKind.FREEZE_REDIS,
        FaultKind.KILL_DATABASE,
        FaultKind.LOSE_COMMITS,
        FaultKind.CUT_OFF_DATABASE,
        FaultKind.RESTART_WORKER,
        FaultKind.KILL_CHILD,
    ]
