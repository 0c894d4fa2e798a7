"""A worker of the synthetic next release: `celery -A tests.support.releases.next_worker worker`."""

from celery import shared_task

from tests.support.releases.next_release import NEXT_TASK, install
from workers import app, process

__all__ = ["app"]

install()


@shared_task(name=NEXT_TASK)
def submit_next(trade: str) -> str:
    """Submit a trade as only this release can."""
    return type(process.client().submit(trade.encode())).__name__
