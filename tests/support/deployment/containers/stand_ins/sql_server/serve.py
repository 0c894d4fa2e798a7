"""Serve SQL Server's stand-in in a container, with the variables of the real image."""

import os
import signal
import threading
from pathlib import Path

from tests.support.tds import TdsServer
from tradecapture.local.servers.postgresql_server import PostgresqlServer

PORT = 1433
DATA = Path("/var/opt/mssql")
VARIABLES = ("ACCEPT_EULA", "MSSQL_SA_PASSWORD")  # the real image does not start without them


def main() -> None:
    """Serve until SIGTERM."""
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing:
        raise SystemExit(f"set {' and '.join(missing)}")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with (
        PostgresqlServer(DATA) as postgresql,
        TdsServer(postgresql.url, PORT, host="", password=os.environ["MSSQL_SA_PASSWORD"]),
    ):
        stop.wait()


if __name__ == "__main__":
    main()
