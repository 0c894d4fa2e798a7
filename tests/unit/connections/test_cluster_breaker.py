"""The circuit breaker of a cluster's nodes."""

import pytest

from tradecapture.connections.cluster.breaker import OPEN_SECONDS, NodeBreaker, NodeUnavailableError

TIMEOUT_SECONDS = 3.0
ERROR = TimeoutError("no answer")


class Clock:
    """A clock that a test moves."""

    seconds = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


def test_a_node_that_did_not_answer_is_not_asked_for_a_second() -> None:
    """The error names the node and the reason. Other nodes are asked as before."""
    clock = Clock()
    breaker = NodeBreaker(TIMEOUT_SECONDS, clock)
    assert breaker.check("one") is False
    breaker.record_failure("one", ERROR)
    with pytest.raises(NodeUnavailableError, match="one does not answer: no answer"):
        breaker.check("one")
    assert breaker.check("two") is False
    clock.seconds += OPEN_SECONDS
    assert breaker.check("one") is True


def test_one_caller_probes_while_the_others_are_refused() -> None:
    """Of all threads only one waits for the timeout. If it dies, another one probes later."""
    clock = Clock()
    breaker = NodeBreaker(TIMEOUT_SECONDS, clock)
    breaker.record_failure("one", ERROR)
    clock.seconds += OPEN_SECONDS
    assert breaker.check("one") is True
    with pytest.raises(NodeUnavailableError):
        breaker.check("one")
    clock.seconds += OPEN_SECONDS + TIMEOUT_SECONDS
    assert breaker.check("one") is True


def test_a_node_that_answers_is_asked_by_all() -> None:
    """After a success every caller may send again, and none is a probe."""
    breaker = NodeBreaker(TIMEOUT_SECONDS, Clock())
    breaker.record_failure("one", ERROR)
    breaker.record_success("one")
    assert breaker.check("one") is False
