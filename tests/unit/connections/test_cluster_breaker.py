"""Nodes away: asked no more for a second, then by one caller, and by all once it was answered."""

import pytest

from tradecapture.connections.cluster.breaker import AWAY_SECONDS, NodeBreaker, NodeUnavailableError

TIMEOUT_SECONDS = 3.0
WHY = TimeoutError("no answer")


class Clock:
    """A clock that stands still."""

    seconds = 100.0

    def __call__(self) -> float:
        """Return what it shows."""
        return self.seconds


def test_a_node_that_did_not_answer_is_not_asked_for_a_second() -> None:
    """The error says which node, and why; other nodes are asked as before."""
    clock = Clock()
    away = NodeBreaker(TIMEOUT_SECONDS, clock)
    assert away.check("one") is False
    away.note("one", WHY)
    with pytest.raises(NodeUnavailableError, match="one does not answer: no answer"):
        away.check("one")
    assert away.check("two") is False
    clock.seconds += AWAY_SECONDS
    assert away.check("one") is True


def test_one_caller_looks_while_the_others_are_told() -> None:
    """However many threads there are, one of them waits out the timeout."""
    clock = Clock()
    away = NodeBreaker(TIMEOUT_SECONDS, clock)
    away.note("one", WHY)
    clock.seconds += AWAY_SECONDS
    assert away.check("one") is True
    with pytest.raises(NodeUnavailableError):
        away.check("one")
    clock.seconds += AWAY_SECONDS + TIMEOUT_SECONDS  # whoever looked has died
    assert away.check("one") is True


def test_a_node_that_answers_is_asked_by_all() -> None:
    """And the next failure counts anew."""
    away = NodeBreaker(TIMEOUT_SECONDS, Clock())
    away.note("one", WHY)
    away.clear("one")
    assert away.check("one") is False
