"""A verdict: whether a figure reaches its target. No I/O."""

from msgspec import Struct, field


class Verdict(Struct, frozen=True, rename="camel"):
    """A figure and its target."""

    what: str
    # None: there is no such figure, which misses the target. Its name in JSON is older.
    measured: float | None = field(name="found")
    target: float
    less_is_better: bool
    unit: str
    reached: bool


def at_most(what: str, measured: float | None, target: float, unit: str) -> Verdict:
    """Return the verdict on a figure that must not be higher than its target."""
    return Verdict(what, measured, target, True, unit, measured is not None and measured <= target)


def at_least(what: str, measured: float | None, target: float, unit: str) -> Verdict:
    """Return the verdict on a figure that must not be lower than its target."""
    return Verdict(what, measured, target, False, unit, measured is not None and measured >= target)
