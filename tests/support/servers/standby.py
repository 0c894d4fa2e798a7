"""Runs a PostgreSQL standby that streams from a primary and can pause its replay."""

import os
import pwd
import subprocess
from pathlib import Path

from sqlalchemy import make_url

from tradecapture.local.servers.postgresql_server import PostgresqlServer, prepare_server
from tradecapture.local.servers.server import LocalServerError, wait_until

CATCH_UP_SECONDS = 60.0  # the maximum wait until a standby has replayed everything
RECONNECT_MS = 100  # between attempts to reach a primary that is away; the default is 5 s


class Standby(PostgresqlServer):
    """A hot standby. Its primary must be running when the standby starts for the first time."""

    name = "PostgreSQL standby"

    def __init__(self, folder: Path, primary: PostgresqlServer) -> None:
        """Prepare a standby.

        Args:
            folder: of its data.
            primary: to copy and to stream from.
        """
        super().__init__(folder)
        self._primary = primary

    def start(self) -> None:
        """Start the standby; copy the primary before the first start.

        Raises:
            LocalServerError: the copy failed, or the standby did not start.
        """
        if not (self._data / "standby.signal").exists():
            self._copy()
        super().start()

    def of(self, database: str) -> str:
        """Return the URL of one of its databases."""
        return make_url(self.url).set(database=database).render_as_string(hide_password=False)

    def hold_back(self) -> None:
        """Pause the replay of what the primary sends."""
        with self._connect() as connection:
            connection.execute("SELECT pg_wal_replay_pause()")
            is_paused = "SELECT pg_get_wal_replay_pause_state() = 'paused'"
            assert wait_until(
                lambda: connection.execute(is_paused).fetchone() == (True,), CATCH_UP_SECONDS
            )

    def go_on(self) -> None:
        """Resume the replay, and wait until the standby has caught up."""
        with self._connect() as connection:
            connection.execute("SELECT pg_wal_replay_resume()")
        self.catch_up()

    def catch_up(self) -> None:
        """Wait until the standby has replayed all that the primary has written up to now."""
        with self._primary._connect() as primary, self._connect() as standby:
            target_lsn = primary.execute("SELECT pg_current_wal_lsn()").fetchone()
            assert target_lsn is not None
            is_reached = "SELECT pg_last_wal_replay_lsn() >= %s::pg_lsn"
            assert wait_until(
                lambda: standby.execute(is_reached, target_lsn).fetchone() == (True,),
                CATCH_UP_SECONDS,
            )

    def _copy(self) -> None:
        # The same program and system user as the primary's, whose data folder exists already.
        installed = prepare_server(self._primary._data)
        user = pwd.getpwnam(installed.system_user) if installed.system_user else None
        self._data.parent.chmod(0o711)
        self._data.mkdir(mode=0o700)
        if user is not None:
            os.chown(self._data, user.pw_uid, user.pw_gid)
        command = [str(installed.bin_path / "pg_basebackup"), "-D", str(self._data)]
        command += ["-h", str(make_url(self._primary.url).query["host"]), "-U", "postgres"]
        command += ["--checkpoint=fast", "--no-sync", "--write-recovery-conf"]
        process = subprocess.run(
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
        if process.returncode:
            raise LocalServerError(f"no standby: {process.stderr}")
        with (self._data / "postgresql.auto.conf").open("a") as settings:
            settings.write(f"wal_retrieve_retry_interval = '{RECONNECT_MS}ms'\n")
