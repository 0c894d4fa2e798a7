"""Findings on the workers: which ones reply, how many processes they have, their release."""

from collections.abc import Mapping
from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tradecapture.connections.brokers.app import sending_app
from tradecapture.connections.urls import is_sentinel
from tradecapture.doctor.finding import Finding, Level, finding
from tradecapture.inbox.entry import OLDEST_FORMAT
from tradecapture.settings import Settings
from tradecapture.version import FIRST_VERSION, VERSION

REPLY_TIMEOUT_SECONDS = 1.0  # a worker that takes longer is too busy to be counted on
# For changes that would make a worker fail if it is overlooked now: contracting the schema, or
# writing a newer entry format.
PATIENT_REPLY_TIMEOUT_SECONDS = 3.0


def check_workers(settings: Settings) -> tuple[list[Finding], int]:
    """Ask the workers through Celery; return the findings and the number of their processes."""
    try:
        replies = ask_workers(settings)
    except (OperationalError, RedisError, OSError) as error:
        cure = "start it, or correct TRADECAPTURE_BROKER_URL"
        if is_sentinel(settings.broker):
            cure += " and TRADECAPTURE_SENTINEL_PASSWORD"
        return [Finding(Level.FAIL, "broker", f"does not answer: {error}", cure)], 0
    workers, processes = assess_workers(replies)
    return [workers, *assess_releases(workers_by_release(replies))], processes


def ask_workers(
    settings: Settings, timeout_seconds: float = REPLY_TIMEOUT_SECONDS
) -> dict[str, Any]:
    """Return the statistics that each worker reports about itself, by the worker's name.

    Args:
        settings: name the broker.
        timeout_seconds: how long to wait for replies. Workers that do not reply are missing.

    Raises:
        kombu.exceptions.OperationalError, redis.exceptions.RedisError, OSError: the broker does
            not answer.
    """
    app = sending_app(settings.broker, settings.connect_seconds, settings.sentinels)
    with app.connection_for_write() as connection:
        # Celery itself would retry for many seconds.
        connection.ensure_connection(max_retries=1)
        inspect = app.control.inspect(timeout=timeout_seconds, connection=connection)
        return inspect.stats() or {}


def workers_by_release(replies: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the names of the workers of each release. Pure."""
    releases: dict[str, list[str]] = {}
    for name, reply in sorted(replies.items()):
        release = reply.get("tradecapture", {}).get("release", FIRST_VERSION)
        releases.setdefault(release, []).append(name)
    return releases


def newest_formats(replies: Mapping[str, Any]) -> dict[str, int]:
    """Return the newest format of inbox entries that each worker reads, by its name. Pure."""
    return {
        name: reply.get("tradecapture", {}).get("inboxFormat", OLDEST_FORMAT)
        for name, reply in replies.items()
    }


def assess_workers(replies: Mapping[str, Any]) -> tuple[Finding, int]:
    """Assess the workers' statistics; return a finding and the number of processes. Pure."""
    if not replies:
        cure = (
            "accepted trades wait safely until a worker runs: start `tradecapture up`, or "
            "`celery -A workers worker` with the same settings"
        )
        return Finding(Level.WARN, "workers", "none replies", cure), 0
    processes = sum(reply.get("pool", {}).get("max-concurrency", 1) for reply in replies.values())
    names = ", ".join(sorted(replies))
    message = f"{len(replies)} reply, with {processes} processes: {names}"
    return Finding(Level.OK, "workers", message), processes


def assess_releases(workers: Mapping[str, list[str]]) -> list[Finding]:
    """Assess whether all workers are of this release; without a worker, no finding. Pure.

    Several releases may run side by side during an upgrade. Until only one is left, the schema
    cannot be contracted.

    Args:
        workers: the names of the workers of each release.
    """
    if not workers:
        return []
    message = "; ".join(f"{release}: {', '.join(names)}" for release, names in workers.items())
    return [
        finding(
            "worker releases",
            message,
            Level.OK if list(workers) == [VERSION] else Level.WARN,
            f"this is release {VERSION}: finish the rolling upgrade, so that every worker is of "
            "one release (docs/upgrading.md)",
        )
    ]
