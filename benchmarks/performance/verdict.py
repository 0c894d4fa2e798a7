"""A verdict: whether a figure reaches its target. No I/O."""

from msgspec import Struct


class Verdict(Struct, frozen=True, rename="camel"):
    """A figure and its target."""

    what: str
    found: float | None  # None: there is no such figure, which misses the target
    target: float
    less_is_better: bool
    unit: str
    reached: bool


def at_most(what: str, found: float | None, target: float, unit: str) -> Verdict:
    """Return the verdict on a figure that must not be higher than its target."""
    return Verdict(what, found, target, True, unit, found is not None and found <= target)


def at_least(what: str, found: float | None, target: float, unit: str) -> Verdict:
    """Return the verdict on a figure that must not be lower than its target."""
    return Verdict(what, found, target, False, unit, found is not None and found >= target)
