"""The restart policy: the delay doubles up to a limit, and early deaths end the restarts."""

from itertools import accumulate

from tradecapture.local.supervisor.restart_policy import (
    HEALTHY_SECONDS,
    MAX_DELAY_SECONDS,
    RestartPolicy,
)


def delays(uptimes: list[float]) -> list[float]:
    """Return the delay after each death, in seconds; the uptimes before them are in seconds too."""
    policies = accumulate(uptimes, RestartPolicy.after_death, initial=RestartPolicy())
    return [policy.delay_seconds for policy in policies][1:]


def test_delay_doubles_up_to_its_limit() -> None:
    """Half a second, then twice as much each time, ten seconds at most."""
    assert delays([15.0] * 7) == [0.5, 1, 2, 4, 8, MAX_DELAY_SECONDS, MAX_DELAY_SECONDS]


def test_healthy_run_resets_the_delay() -> None:
    """After a program ran for thirty seconds the delay is the first one again."""
    assert delays([15.0, 15.0, HEALTHY_SECONDS, 15.0]) == [0.5, 1, 0.5, 1]


def test_five_early_deaths_in_a_row_end_it() -> None:
    """Five deaths in a row, each within ten seconds of its start, are too many."""
    policy = RestartPolicy()
    for uptime in (1.0, 1.0, 1.0, 1.0, 11.0, 1.0, 1.0, 1.0, 1.0):
        policy = policy.after_death(uptime)
        assert not policy.is_exhausted
    assert policy.after_death(9.9).is_exhausted
