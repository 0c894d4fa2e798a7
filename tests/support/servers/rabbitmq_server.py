"""Runs the installed RabbitMQ as a private server with its own data, ports and node names."""

import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

import amqp

from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.server import (
    STOP_TIMEOUT_SECONDS,
    LocalServer,
    LocalServerError,
    wait_until,
)

# Where Debian installs it. The program of this name on PATH is a wrapper that only controls the
# system's server.
HOME = Path("/usr/lib/rabbitmq")
PROGRAM = HOME / "bin" / "rabbitmq-server"
OLDEST_VERSION = (3, 10)
USER = "guest"  # RabbitMQ's default user and password, which may log in from this machine only
CONNECT_TIMEOUT_SECONDS = 2.0  # to a server on this machine
SCHEDULERS = "+S 2:2"  # Erlang's default is one for each core, which is too many for a test


def why_not() -> str | None:
    """Return why RabbitMQ cannot run here; None if it can."""
    if not PROGRAM.exists() or shutil.which("epmd") is None:
        return "no RabbitMQ server: apt-get install rabbitmq-server"
    version = re.search(r"rabbitmq_server-(\d+)\.(\d+)", " ".join(map(str, HOME.glob("lib/*"))))
    if version is None or (int(version[1]), int(version[2])) < OLDEST_VERSION:
        return f"the RabbitMQ server is older than {OLDEST_VERSION}"
    return None


class RabbitmqServer(LocalServer):
    """A private RabbitMQ server, as a context manager. Its data stays in the folder."""

    name = "RabbitMQ"

    def __init__(self, folder: Path) -> None:
        """Prepare a server on free ports, which it keeps when it restarts."""
        super().__init__(folder / "rabbitmq.log")
        self._folder = folder.absolute()
        self._port, self._distribution_port, self._names_port = (free_port() for _ in range(3))
        self._names: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The broker's URL, the same after each restart."""
        return f"amqp://{USER}:{USER}@{LOOPBACK}:{self._port}//"

    def start(self) -> None:
        """Start the server and wait until clients can connect.

        Raises:
            LocalServerError: the server did not start; the message has the end of its log.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        if self._names is None:
            # Erlang's name server. RabbitMQ would start one that keeps running after the test.
            self._names = subprocess.Popen(
                ["epmd", "-port", str(self._names_port), "-address", LOOPBACK],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._run([str(PROGRAM)], env=self._environment())
        if not self._becomes_ready():
            raise self._failure()

    def stop(self) -> None:
        """Let the server write its data and end; then end the name server."""
        if self._process is not None and self._process.poll() is None:
            # Signals Erlang itself: the script would start a second Erlang to stop the first one.
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_TIMEOUT_SECONDS)
        self.kill()
        if self._names is not None:
            self._names.kill()
            self._names.wait()
            self._names = None

    def kill(self) -> None:
        """End all its processes with SIGKILL, as the loss of a machine would."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        if not wait_until(lambda: not self._erlang(), STOP_TIMEOUT_SECONDS):
            raise LocalServerError(f"a process of RabbitMQ in {self._folder} did not end")

    def freeze(self) -> None:
        """Stop the server with SIGSTOP; its connections stay open."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Resume a frozen server."""
        self._signal(signal.SIGCONT)

    def empty(self, *queues: str) -> None:
        """Delete all messages of queues; ignore queues that do not exist."""
        with self._connect() as connection:
            for queue in queues:
                with suppress(amqp.exceptions.NotFound):
                    connection.channel().queue_purge(queue)

    def remove(self, queue: str) -> None:
        """Remove a queue, as an operator might."""
        with self._connect() as connection:
            connection.channel().queue_delete(queue)

    def waiting(self, queue: str) -> int:
        """Return how many messages of a queue no worker has taken; 0 if there is no queue."""
        try:
            with self._connect() as connection:
                count: int = connection.channel().queue_declare(queue, passive=True).message_count
        except amqp.exceptions.NotFound:
            return 0
        return count

    def control(self, *words: str) -> str:
        """Run `rabbitmqctl`; return its output."""
        return subprocess.run(
            [str(PROGRAM.with_name("rabbitmqctl")), "--quiet", *words],
            env=self._environment(),
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def _connect(self) -> amqp.Connection:
        return amqp.Connection(
            f"{LOOPBACK}:{self._port}", USER, USER, connect_timeout=CONNECT_TIMEOUT_SECONDS
        )

    def _is_ready(self) -> bool:
        try:
            with self._connect():
                return True
        except (OSError, amqp.exceptions.AMQPError):
            return False

    def _erlang(self) -> list[int]:
        """Return the ids of Erlang's processes, which are in the session of the script."""
        assert self._process is not None
        listing = subprocess.run(
            ["ps", "-o", "pid=,stat=,comm=", "--sid", str(self._process.pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        rows = (row.split(maxsplit=2) for row in listing.splitlines())
        return [int(pid) for pid, state, name in rows if "beam" in name and state[0] != "Z"]

    def _signal(self, number: signal.Signals) -> None:
        for process in self._erlang():
            os.kill(process, number)

    def _environment(self) -> dict[str, str]:
        own = {
            # Erlang keeps its cookie here.
            "HOME": str(self._folder),
            "ERL_EPMD_PORT": str(self._names_port),
            "RABBITMQ_NODENAME": f"tradecapture{self._port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": LOOPBACK,
            "RABBITMQ_NODE_PORT": str(self._port),
            "RABBITMQ_DIST_PORT": str(self._distribution_port),
            "RABBITMQ_MNESIA_BASE": str(self._folder / "data"),
            "RABBITMQ_LOG_BASE": str(self._folder / "log"),
            "RABBITMQ_PID_FILE": str(self._folder / "pid"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self._folder / "plugins"),
            # Files that do not exist, so that the system's configuration is not used.
            "RABBITMQ_CONF_ENV_FILE": str(self._folder / "environment"),
            "RABBITMQ_CONFIG_FILE": str(self._folder / "configuration"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": SCHEDULERS,
        }
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("RABBITMQ_")}
        return {**inherited, **own}
