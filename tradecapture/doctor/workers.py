"""Findings on the workers: who answers, with how many processes, of which release."""

from collections.abc import Mapping
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tradecapture.connections.brokers.app import sending_app
from tradecapture.connections.urls import is_sentinel
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.inbox.entry import OLDEST_FORMAT
from tradecapture.settings import Settings
from tradecapture.version import FIRST_VERSION, RELEASE

ANSWER_SECONDS = 1.0  # a worker that takes longer is too busy to be counted on
# Where a worker that is not seen would fail afterwards.
PATIENT_SECONDS = 3.0

CURE = (
    "accepted trades wait safely until one runs: start `tradecapture up`, or "
    "`celery -A workers worker` with the same settings"
)


def ask_workers(settings: Settings, seconds: float = ANSWER_SECONDS) -> dict[str, Any]:
    """Return each worker's statistics of itself, by its name; those that do not answer have none.

    Args:
        settings: with the broker.
        seconds: how long to wait for answers.

    Raises:
        kombu.exceptions.OperationalError, redis.exceptions.RedisError, OSError: the broker does
            not answer.
    """
    app = sending_app(settings.broker, settings.sentinels)
    with app.connection_for_write() as connection:
        # Celery itself would try for many seconds.
        connection.ensure_connection(max_retries=1)
        inspect = app.control.inspect(timeout=seconds, connection=connection)
        return inspect.stats() or {}


def check_workers(settings: Settings) -> tuple[list[Finding], int]:
    """Ask the workers through Celery; return the findings and the number of their processes."""
    try:
        answers = ask_workers(settings)
    except (OperationalError, RedisError, OSError) as error:
        cure = "start it, or correct TRADECAPTURE_BROKER_URL"
        if is_sentinel(settings.broker):
            cure += " and TRADECAPTURE_SENTINEL_PASSWORD"
        return [Finding(Level.FAIL, "broker", f"does not answer: {error}", cure)], 0
    finding, processes = assess_workers(answers)
    return [finding, *assess_releases(releases_of(answers))], processes


def assess_workers(answers: dict[str, Any]) -> tuple[Finding, int]:
    """Judge the workers' own statistics. Pure."""
    processes = sum(answer.get("pool", {}).get("max-concurrency", 1) for answer in answers.values())
    if not answers:
        return Finding(Level.WARN, "workers", "none answers", CURE), 0
    message = f"{len(answers)} answer, with {processes} processes: {', '.join(sorted(answers))}"
    return Finding(Level.OK, "workers", message), processes


def releases_of(answers: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names of the workers of each release. Pure."""
    releases: dict[str, list[str]] = {}
    for name, answer in sorted(answers.items()):
        release = answer.get("tradecapture", {}).get("release", FIRST_VERSION)
        releases.setdefault(release, []).append(name)
    return releases


def formats_of(answers: Mapping[str, Any]) -> dict[str, int]:
    """Return the newest format of inbox entries that each worker reads, by its name. Pure."""
    return {
        name: answer.get("tradecapture", {}).get("inboxFormat", OLDEST_FORMAT)
        for name, answer in answers.items()
    }


def assess_releases(releases: Mapping[str, list[str]]) -> list[Finding]:
    """Judge whether the workers are of one release, and of this one; no worker, no finding. Pure.

    Several work side by side, but not for ever: nothing is contracted meanwhile.
    """
    if not releases:
        return []
    shown = "; ".join(f"{release}: {', '.join(names)}" for release, names in releases.items())
    return [
        finding(
            "worker releases",
            shown,
            None if list(releases) == [RELEASE] else Level.WARN,
            f"this is release {RELEASE}: finish the rolling upgrade, so that every worker is of "
            "one release (docs/upgrading.md)",
        )
    ]
