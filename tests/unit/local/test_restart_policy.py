"""Restarts: the delay doubles to a limit, begins anew after a healthy life; early deaths end it."""

from itertools import accumulate

from tradecapture.local.supervisor.restart_policy import (
    HEALTHY_SECONDS,
    MAX_DELAY_SECONDS,
    Restarts,
)


def delays(lives: list[float]) -> list[float]:
    """Return the delay after each of several lives, in seconds."""
    fared = accumulate(lives, Restarts.after_death, initial=Restarts())
    return [restarts.delay_seconds for restarts in fared][1:]


def test_delay_doubles_up_to_its_limit() -> None:
    """Half a second, then twice as much each time, ten seconds at most."""
    assert delays([15.0] * 7) == [0.5, 1, 2, 4, 8, MAX_DELAY_SECONDS, MAX_DELAY_SECONDS]


def test_healthy_life_resets_the_delay() -> None:
    """After a life of thirty seconds the delay is the first one again."""
    assert delays([15.0, 15.0, HEALTHY_SECONDS, 15.0]) == [0.5, 1, 0.5, 1]


def test_five_early_deaths_in_a_row_end_it() -> None:
    """Five deaths within ten seconds of a start are too many, unless a longer life is between."""
    restarts = Restarts()
    for life in (1.0, 1.0, 1.0, 1.0, 11.0, 1.0, 1.0, 1.0, 1.0):
        restarts = restarts.after_death(life)
        assert not restarts.given_up
    assert restarts.after_death(9.9).given_up
