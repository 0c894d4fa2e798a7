"""A verdict: a figure against its target. Pure."""

from msgspec import Struct


class Verdict(Struct, frozen=True, rename="camel"):
    """A figure against its target."""

    what: str
    found: float | None  # None: there is no such figure, which misses the target
    target: float
    less_is_better: bool
    unit: str
    reached: bool


def at_most(what: str, found: float | None, target: float, unit: str) -> Verdict:
    """Return the verdict on a figure that must not be higher."""
    return Verdict(what, found, target, True, unit, found is not None and found <= target)


def at_least(what: str, found: float | None, target: float, unit: str) -> Verdict:
    """Return the verdict on a figure that must not be lower."""
    return Verdict(what, found, target, False, unit, found is not None and found >= target)
