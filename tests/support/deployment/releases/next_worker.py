"""The Celery app of the synthetic next release, for `celery -A`."""

from celery import shared_task

from tests.support.deployment.releases.next_release import NEXT_TASK, install
from workers import app, process

__all__ = ["app"]

install()


@shared_task(name=NEXT_TASK)
def submit_next(trade: str) -> str:
    """Submit a trade, in a task that only this release has."""
    return type(process.client().submit(trade.encode())).__name__
