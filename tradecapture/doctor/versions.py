"""Findings on versions: Python and the packages that the fleet depends on."""

import platform
from importlib.metadata import version

from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.version import VERSION

MIN_KOMBU = (5, 7, 0)  # earlier versions stop consuming after a reconnect
PACKAGES = ("celery", "redis", "sqlalchemy")


def check_versions() -> list[Finding]:
    """Check what is installed on this machine."""
    return [
        Finding(Level.OK, "release", VERSION),
        Finding(Level.OK, "Python", platform.python_version()),
        *(Finding(Level.OK, f"package {name}", version(name)) for name in PACKAGES),
        assess_kombu(version("kombu")),
    ]


def assess_kombu(installed: str) -> Finding:
    """Assess the installed version of kombu. Pure."""
    numbers = tuple(int(part) for part in installed.split(".")[:3] if part.isdecimal())
    return finding(
        "package kombu",
        installed,
        Level.FAIL if numbers < MIN_KOMBU else Level.OK,
        "earlier versions stop taking messages after a reconnect: pip install 'kombu>=5.7.0'",
    )
