"""The Celery side of the fleet; start a worker with `celery -A workers worker`."""

from workers.celery import app

__all__ = ["app"]
