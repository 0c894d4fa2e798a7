"""Findings on the workers: who answers, and how many processes they have."""

from typing import Any

from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tradecapture.bell import submitting_app
from tradecapture.cli.finding import Finding, Level
from tradecapture.settings import Settings

ANSWER_SECONDS = 1.0  # a worker that takes longer is too busy to be counted on

CURE = (
    "accepted trades wait safely until one runs: start `tradecapture up`, or "
    "`celery -A workers worker` with the same settings"
)


def examine_workers(settings: Settings) -> tuple[Finding, int]:
    """Ask the workers through Celery; return the finding and the number of their processes."""
    app = submitting_app(settings.broker)
    try:
        with app.connection_for_write() as connection:
            # Celery itself would try for many seconds.
            connection.ensure_connection(max_retries=1)
            inspect = app.control.inspect(timeout=ANSWER_SECONDS, connection=connection)
            answers = inspect.stats()
    except (OperationalError, RedisError, OSError) as error:
        cure = "start it, or correct TRADECAPTURE_BROKER_URL"
        return Finding(Level.FAIL, "broker", f"does not answer: {error}", cure), 0
    return judge_workers(answers or {})


def judge_workers(answers: dict[str, Any]) -> tuple[Finding, int]:
    """Judge the workers' own statistics. Pure."""
    processes = sum(answer.get("pool", {}).get("max-concurrency", 1) for answer in answers.values())
    if not answers:
        return Finding(Level.WARN, "workers", "none answers", CURE), 0
    message = f"{len(answers)} answer, with {processes} processes: {', '.join(sorted(answers))}"
    return Finding(Level.OK, "workers", message), processes
