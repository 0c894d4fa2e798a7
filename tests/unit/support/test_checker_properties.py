"""The checker reports nothing for a correct random execution, and every single corruption of it."""

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.support.history.checker import Kind, check
from tests.support.history.corruption import corruptions
from tests.support.history.execution import ACTIONS, Execution

STEPS = 250  # long enough for resends, late arrivals and refusals among dozens of trades

# A seed instead of a list of steps: hypothesis prefers short lists, in which little can go wrong.
seeds = st.integers(0, 2**32)


def executed(seed: int) -> Execution:
    """Return an execution of random steps."""
    random, execution = Random(seed), Execution()
    for _ in range(STEPS):
        execution.step(random.randrange(len(ACTIONS)), random.randrange(99), random.randrange(99))
    return execution


@given(seeds)
def test_a_right_execution_is_never_accused(seed: int) -> None:
    """The checker finds nothing in an execution whose trades are lost, late, resent or refused.

    Such trades are lost only on their way to the inbox, before they are accepted.
    """
    execution = executed(seed)
    assert check(execution.events, execution.evidence()) == []


@given(seeds)
def test_any_single_corruption_is_found(seed: int) -> None:
    """The checker finds any single wrong row, count, answer or position, with kind and subject."""
    execution = executed(seed)
    for corruption in corruptions(execution.events, execution.evidence()):
        findings = check(corruption.events, corruption.evidence)
        found = [(finding.kind, finding.subject) for finding in findings]
        assert (corruption.kind, corruption.subject) in found


def test_the_executions_have_something_to_corrupt() -> None:
    """Ten random executions allow every kind of corruption at least ten times."""
    kinds: Counter[Kind] = Counter()
    for seed in range(10):
        execution = executed(seed)
        kinds.update(each.kind for each in corruptions(execution.events, execution.evidence()))
    assert set(kinds) == set(Kind)
    assert min(kinds.values()) >= 10, kinds
