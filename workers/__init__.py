"""The worker fleet: `celery -A workers worker`. Its modules are short: decode, call, record."""

from workers.celery import app

__all__ = ["app"]
