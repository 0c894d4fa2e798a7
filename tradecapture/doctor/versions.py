"""Findings on versions: Python and the packages that the fleet depends on."""

import platform
from importlib.metadata import version

from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.version import RELEASE

OLDEST_KOMBU = (5, 7, 0)  # earlier ones stop consuming after a reconnect
PACKAGES = ("celery", "redis", "sqlalchemy")


def check_versions() -> list[Finding]:
    """Look at what is installed here."""
    return [
        Finding(Level.OK, "release", RELEASE),
        Finding(Level.OK, "Python", platform.python_version()),
        *(Finding(Level.OK, f"package {name}", version(name)) for name in PACKAGES),
        assess_kombu(version("kombu")),
    ]


def assess_kombu(installed: str) -> Finding:
    """Judge the version of kombu. Pure."""
    numbers = tuple(int(part) for part in installed.split(".")[:3] if part.isdecimal())
    return finding(
        "package kombu",
        installed,
        Level.FAIL if numbers < OLDEST_KOMBU else None,
        "earlier ones stop taking messages after a reconnect: pip install 'kombu>=5.7.0'",
    )
