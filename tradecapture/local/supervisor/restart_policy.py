"""The restart policy: how long to wait before a program is restarted, and when to give up."""

from dataclasses import dataclass

FIRST_DELAY_SECONDS = 0.5  # short, because most crashes do not repeat
MAX_DELAY_SECONDS = 10.0  # a program runs again at most so long after its cause is repaired
HEALTHY_SECONDS = (
    30.0  # a program that ran so long is over its fault: the first delay applies again
)
EARLY_SECONDS = 10.0  # a program that dies within it probably cannot start at all
MAX_EARLY_DEATHS = 5  # in a row; the delays between them give a late server 7.5 s to come up


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """The restarts of one program so far: the next delay, and whether to try again at all."""

    delay_seconds: float = 0.0
    early_deaths: int = 0  # in a row

    def after_death(self, uptime_seconds: float) -> "RestartPolicy":
        """Return the policy after the program died."""
        early_deaths = self.early_deaths + 1 if uptime_seconds < EARLY_SECONDS else 0
        if uptime_seconds >= HEALTHY_SECONDS or not self.delay_seconds:
            return RestartPolicy(FIRST_DELAY_SECONDS, early_deaths)
        return RestartPolicy(min(2 * self.delay_seconds, MAX_DELAY_SECONDS), early_deaths)

    @property
    def is_exhausted(self) -> bool:
        """Whether the program must not be restarted again."""
        return self.early_deaths >= MAX_EARLY_DEATHS
