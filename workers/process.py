"""A worker process: what it holds for all its tasks, made after the fork."""

import os
import socket
from contextlib import closing
from functools import cache
from typing import Any

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.capture.capture import Capture
from tradecapture.capture.lease_renewal import LeaseRenewer
from tradecapture.client import Client
from tradecapture.inbox import Inbox, LaneCountError
from tradecapture.ledger import Ledger, SchemaError, check_schema
from tradecapture.settings import Settings, SettingsError

log = structlog.get_logger(__name__)


class WorkerProcess:
    """The inbox, the ledger and the lease renewal of one process."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.inbox = Inbox.connect(settings)
        self.ledger = Ledger(settings)
        self.renewal = LeaseRenewer(self.inbox)
        self.capture = Capture(
            self.inbox, self.ledger, self.renewal, owner=f"{socket.gethostname()}-{os.getpid()}"
        )

    def start(self) -> "WorkerProcess":
        """Begin to renew leases."""
        self.renewal.start()
        return self

    def close(self) -> None:
        """Close everything."""
        self.renewal.stop()
        self.ledger.dispose()
        self.inbox.close()


@cache
def settings() -> Settings:
    """Return the settings of this worker, read once.

    Raises:
        SystemExit: a variable is not usable; the message names it.
    """
    try:
        return Settings.from_environment(os.environ)
    except SettingsError as error:
        raise SystemExit(f"tradecapture worker: {error}") from error


@cache
def current() -> WorkerProcess:
    """Return this process's own; made at first use where Celery does not fork (solo, threads)."""
    return WorkerProcess(settings()).start()


@cache
def client() -> Client:
    """Return this process's client, for trades that are submitted as Celery tasks."""
    return Client(settings())


def start(**_signal: Any) -> None:
    """Make connections after the fork."""
    current.cache_clear()
    client.cache_clear()
    current()


def stop(**_signal: Any) -> None:
    """Close connections before the process ends."""
    if current.cache_info().currsize:
        current().close()


def check_before_work(**_signal: Any) -> None:
    """Refuse to start a worker that could only fail; wait for servers that are not up yet.

    Raises:
        SystemExit: another lane count, or not this release's tables; the message says what to do.
    """
    try:
        with closing(WorkerProcess(settings())) as worker:
            worker.inbox.check_lanes()
            check_schema(worker.ledger.engine)
    except (LaneCountError, SchemaError, SettingsError) as error:
        raise SystemExit(f"tradecapture worker: {error}") from error
    except (RedisError, SQLAlchemyError) as error:
        log.warning("not checked before work, a server is out of reach", error=str(error))
