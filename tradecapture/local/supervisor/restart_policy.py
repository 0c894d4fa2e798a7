"""Restarts: after which delay a program that died is started again, and when it is given up."""

from dataclasses import dataclass

FIRST_DELAY_SECONDS = 0.5  # a crash that was bad luck costs no more
MAX_DELAY_SECONDS = 10.0  # a repaired cause is noticed within it
HEALTHY_SECONDS = 30.0  # a life this long proves the cause gone: the delay begins anew
EARLY_SECONDS = 10.0  # a death within it points to a start that cannot succeed
EARLY_DEATHS = 5  # in a row; a server that comes up late is forgiven 7.5 s of them


@dataclass(frozen=True, slots=True)
class Restarts:
    """How a program has fared so far, and what follows from it."""

    delay_seconds: float = 0.0
    early_deaths: int = 0

    def after_death(self, life_seconds: float) -> "Restarts":
        """Return what follows from a death after so many seconds of life."""
        early_deaths = self.early_deaths + 1 if life_seconds < EARLY_SECONDS else 0
        if life_seconds >= HEALTHY_SECONDS or not self.delay_seconds:
            return Restarts(FIRST_DELAY_SECONDS, early_deaths)
        return Restarts(min(2 * self.delay_seconds, MAX_DELAY_SECONDS), early_deaths)

    @property
    def given_up(self) -> bool:
        """Whether starting it again has no prospect."""
        return self.early_deaths >= EARLY_DEATHS
