"""A PostgreSQL standby: a real one, which streams from a primary and can be held behind it."""

import os
import pwd
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from tradecapture.local.servers.postgresql_server import PostgresqlServer, prepare_server
from tradecapture.local.servers.server import LocalServerError, wait_until

CATCH_UP_SECONDS = 60.0
RECONNECT_MS = 100  # to a primary that was away; 5 s by itself


class Standby(PostgresqlServer):
    """A hot standby of one's own; it needs its primary to be up when it starts first."""

    name = "PostgreSQL standby"

    def __init__(self, folder: Path, primary: PostgresqlServer) -> None:
        """Prepare a standby that keeps its data in a folder."""
        super().__init__(folder)
        self._primary = primary

    def start(self) -> None:
        """Start it; the first time, copy the primary.

        Raises:
            LocalServerError: the copy failed, or it did not start.
        """
        if not (self._data / "standby.signal").exists():
            self._copy()
        super().start()

    def of(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return make_url(self.url).set(database=database).render_as_string(hide_password=False)

    def hold_back(self) -> None:
        """Apply nothing more of what the primary sends."""
        with self._connect() as connection:
            connection.execute("SELECT pg_wal_replay_pause()")
            held = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
            assert wait_until(
                lambda: connection.execute(held).fetchone() == (True,), CATCH_UP_SECONDS
            )

    def go_on(self) -> None:
        """Apply what has come, and wait until nothing is missing."""
        with self._connect() as connection:
            connection.execute("SELECT pg_wal_replay_resume()")
        self.catch_up()

    def catch_up(self) -> None:
        """Wait until it has all that the primary has written up to now."""
        with self._primary._connect() as primary, self._connect() as here:
            written = primary.execute("SELECT pg_current_wal_lsn()").fetchone()
            assert written is not None
            behind = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
            assert wait_until(
                lambda: here.execute(behind, written).fetchone() == (True,), CATCH_UP_SECONDS
            )

    def _copy(self) -> None:
        # Of the same program and the same system user as the primary, whose data are initialised.
        installed = prepare_server(self._primary._data)
        user = pwd.getpwnam(installed.system_user) if installed.system_user else None
        self._data.parent.chmod(0o711)
        self._data.mkdir(mode=0o700)
        if user is not None:
            os.chown(self._data, user.pw_uid, user.pw_gid)
        command = [str(installed.bin_path / "pg_basebackup"), "-D", str(self._data)]
        command += ["-h", str(make_url(self._primary.url).query["host"]), "-U", "postgres"]
        command += ["--checkpoint=fast", "--no-sync", "--write-recovery-conf"]
        copied = subprocess.run(
            command,
            capture_output=True,
            check=False,
            text=True,
            cwd="/",
            env={**os.environ, "HOME": "/"},
            user=user and user.pw_uid,
            group=user and user.pw_gid,
            extra_groups=[] if user else None,
        )
        if copied.returncode:
            raise LocalServerError(f"no standby: {copied.stderr}")
        with (self._data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"wal_retrieve_retry_interval = '{RECONNECT_MS}ms'\n")
