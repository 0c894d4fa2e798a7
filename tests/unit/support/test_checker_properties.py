"""The checker on random executions: a right one is never accused, a wrong one always."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.support.history.checker import Kind, check
from tests.support.history.corruption import corruptions
from tests.support.history.execution import ACTIONS, Execution

STEPS = 250  # long enough for resends, late arrivals and refusals among dozens of trades

# By a seed, and not step by step: hypothesis prefers short stories, in which little can go wrong.
seeds = st.integers(0, 2**32)


def executed(seed: int) -> Execution:
    """Return an execution of random steps."""
    random, execution = Random(seed), Execution()
    for _ in range(STEPS):
        execution.step(random.randrange(len(ACTIONS)), random.randrange(99), random.randrange(99))
    return execution


@given(seeds)
def test_a_right_execution_is_never_accused(seed: int) -> None:
    """Whatever was lost on the way, late, resent or refused: nothing is found."""
    execution = executed(seed)
    assert check(execution.events, execution.evidence()) == []


@given(seeds)
def test_any_single_corruption_is_found(seed: int) -> None:
    """One wrong row, count, answer or place is found by its kind, with the trade's name."""
    execution = executed(seed)
    for wrong in corruptions(execution.events, execution.evidence()):
        found = [(finding.kind, finding.subject) for finding in check(wrong.events, wrong.evidence)]
        assert (wrong.kind, wrong.subject) in found


def test_the_executions_have_something_to_corrupt() -> None:
    """A few of them allow every kind of corruption, each in several ways."""
    kinds: Counter[Kind] = Counter()
    for seed in range(10):
        execution = executed(seed)
        kinds.update(wrong.kind for wrong in corruptions(execution.events, execution.evidence()))
    assert set(kinds) == set(Kind)
    assert min(kinds.values()) >= 10, kinds
