"""Runs a stand-in until Ctrl-C: `python -m tests.support.tds` prints the variable for the tests."""

import signal
import sys
import tempfile
import threading
from pathlib import Path

from tests.support.tds import TdsServer
from tradecapture.local.servers.postgresql_server import PostgresqlServer


def main() -> None:
    """Start a PostgreSQL and the stand-in in front of it; print the variable to set."""
    with (
        tempfile.TemporaryDirectory(prefix="tradecapture-tds-") as folder,
        PostgresqlServer(Path(folder)) as postgresql,
        TdsServer(postgresql.url) as server,
    ):
        sys.stdout.write(f"TRADECAPTURE_TEST_MSSQL_URL={server.url}\n")
        sys.stdout.flush()
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


if __name__ == "__main__":
    main()
