"""What one worker process holds for all its tasks. It is made after the fork."""

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
        self._lease_renewer = LeaseRenewer(self.inbox)
        owner = f"{socket.gethostname()}-{os.getpid()}"
        self.capture = Capture(self.inbox, self.ledger, self._lease_renewer, owner)

    def start(self) -> "WorkerProcess":
        """Start renewing leases."""
        self._lease_renewer.start()
        return self

    def close(self) -> None:
        """Stop renewing leases, and close all connections."""
        self._lease_renewer.stop()
        self.ledger.dispose()
        self.inbox.close()


@cache
def settings() -> Settings:
    """Return the settings of this worker, read once.

    Raises:
        SystemExit: a variable has no usable value; the message names it.
    """
    try:
        return Settings.from_environment(os.environ)
    except SettingsError as error:
        raise SystemExit(f"tradecapture worker: {error}") from error


@cache
def current() -> WorkerProcess:
    """Return the one `WorkerProcess` of this process.

    Without a fork (Celery's solo and thread pools) the first task makes it.
    """
    return WorkerProcess(settings()).start()


@cache
def client() -> Client:
    """Return this process's client, for trades that are submitted as Celery tasks."""
    return Client(settings())


def start(**_signal: Any) -> None:
    """Connect, after the fork."""
    current.cache_clear()
    client.cache_clear()
    current()


def stop(**_signal: Any) -> None:
    """Close the connections before the process ends."""
    if current.cache_info().currsize:
        current().close()


def check_at_start(**_signal: Any) -> None:
    """Refuse to start a worker that could capture nothing.

    A server that does not answer is no reason to refuse: the worker waits for it.

    Raises:
        SystemExit: the lane count differs, or the tables are not those of this release; the
            message says what to do.
    """
    try:
        with closing(WorkerProcess(settings())) as worker:
            worker.inbox.check_lane_count()
            check_schema(worker.ledger.engine)
    except (LaneCountError, SchemaError, SettingsError) as error:
        raise SystemExit(f"tradecapture worker: {error}") from error
    except (RedisError, SQLAlchemyError) as error:
        log.warning("not checked at start, a server does not answer", error=str(error))
