"""The fleet of one machine: the programs that `up` and `demo` run, and when they are ready."""

import sys
from collections.abc import Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from kombu.exceptions import OperationalError as BrokerError
from msgspec import Struct
from redis.exceptions import RedisError

from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import Inbox
from tradecapture.local.servers.ports import LOOPBACK
from tradecapture.local.servers.redis_server import is_ready, redis_command
from tradecapture.local.servers.worker import worker_command
from tradecapture.local.supervisor.supervisor import Program
from tradecapture.settings import Settings

ANSWER_SECONDS = 2.0  # for one answer of the API, which looks at its servers first
PING_SECONDS = 0.5  # for the answers of all workers; one that is still starting never answers
# The batch in hand takes a time budget, Celery's own farewell a second or two; its limit is 10 s
# (celeryconfig). Past this it is killed, and the lease gives its partitions to others.
WORKER_STOP_SECONDS = 15.0
API_STOP_SECONDS = 5  # for the requests in hand, below the time in which a program must end


class Fleet(Struct, frozen=True):
    """What runs on this machine, and where."""

    settings: Settings
    environment: Mapping[str, str]  # of the programs
    redis_folder: Path | None  # of the embedded Redis; None: it is somebody else's
    redis_port: int
    logs: Path
    api_port: int
    flower_port: int  # 0: no Flower
    workers: int
    concurrency: int

    @property
    def api_url(self) -> str:
        """The address of the API."""
        return f"http://{LOOPBACK}:{self.api_port}"

    @property
    def flower_url(self) -> str | None:
        """The address of Flower, if it runs."""
        return f"http://{LOOPBACK}:{self.flower_port}" if self.flower_port else None

    def programs(self) -> list[Program]:
        """Return the programs in the order of their start; they are stopped in reverse order.

        So the API accepts nothing more when the workers finish, and Redis outlives both.

        Raises:
            LocalServerError: an embedded Redis is wanted and there is no redis-server.
        """
        programs = [self._redis(self.redis_folder)] if self.redis_folder else []
        programs += [self._worker(f"worker{number}") for number in range(1, self.workers + 1)]
        programs.append(self._api())
        if self.flower_port:
            programs.append(self._flower())
        return programs

    def check_lanes(self) -> None:
        """Compare the lane count with the recorded one.

        Raises:
            LaneCountError: it differs.
            redis.exceptions.RedisError: Redis does not answer.
        """
        with closing(Inbox.connect(self.settings)) as inbox:
            inbox.check_lanes()

    def is_ready(self) -> bool:
        """Return whether the API is well and every worker answers."""
        return self._api_is_well() and self._workers_answer()

    def _api_is_well(self) -> bool:
        connection = HTTPConnection(LOOPBACK, self.api_port, timeout=ANSWER_SECONDS)
        try:
            connection.request("GET", "/api/v1/health")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _workers_answer(self) -> bool:
        app = sending_app(
            self.settings.broker, self.settings.connect_seconds, self.settings.sentinels
        )
        try:
            answers = app.control.ping(timeout=PING_SECONDS, limit=self.workers)
        except (BrokerError, RedisError, OSError):
            return False
        return len(answers) >= self.workers

    def _redis_is_ready(self) -> bool:
        if not is_ready(self.settings.redis_url):
            return False
        self.check_lanes()
        return True

    def _redis(self, folder: Path) -> Program:
        # The later option wins: its log goes where those of the others are.
        command = [*redis_command(folder, self.redis_port), "--logfile", ""]
        return Program(
            "redis",
            command,
            self.environment,
            log=self.logs / "redis.log",
            ready=self._redis_is_ready,
        )

    def _worker(self, name: str) -> Program:
        return Program(
            name,
            worker_command(name, self.concurrency),
            self.environment,
            log=self.logs / f"{name}.log",
            stop_seconds=WORKER_STOP_SECONDS,
        )

    def _api(self) -> Program:
        return Program(
            "api",
            [
                *(sys.executable, "-m", "uvicorn", "--factory", "tradecapture.api.app:create_app"),
                *("--host", LOOPBACK, "--port", str(self.api_port), "--no-access-log"),
                # Requests that wait for an outcome would hold it for longer than it has.
                *("--timeout-graceful-shutdown", str(API_STOP_SECONDS)),
            ],
            self.environment,
            log=self.logs / "api.log",
        )

    def _flower(self) -> Program:
        return Program(
            "flower",
            [
                *(sys.executable, "-m", "celery", "-A", "workers", "flower"),
                *(f"--address={LOOPBACK}", f"--port={self.flower_port}"),
            ],
            # Only this machine reaches it, and without this its API answers 401.
            {**self.environment, "FLOWER_UNAUTHENTICATED_API": "true"},
            log=self.logs / "flower.log",
        )
