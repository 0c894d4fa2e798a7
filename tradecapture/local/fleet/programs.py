"""The programs of a local fleet: Redis, workers, API and Flower, and whether they are ready."""

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

HEALTH_TIMEOUT_SECONDS = 2.0  # for the health of the API, which asks its servers first
PING_TIMEOUT_SECONDS = 0.5  # for the replies of all workers; one that still starts never replies
# A worker finishes its current batch within a time budget, and Celery itself needs a second or two
# to shut down; its limit is 10 s (celeryconfig). After this a worker is killed, and when its lease
# expires other workers take its partitions.
WORKER_STOP_TIMEOUT_SECONDS = 15.0
API_STOP_TIMEOUT_SECONDS = 5  # for open requests; below the time after which the API is killed


class Fleet(Struct, frozen=True):
    """The programs that run on this machine, and their addresses."""

    settings: Settings
    environment: Mapping[str, str]  # of the programs
    redis_folder: Path | None  # of its own Redis; None: it uses another one
    redis_port: int
    logs: Path
    api_port: int
    flower_port: int  # 0: no Flower
    workers: int
    concurrency: int  # pool processes of each worker

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

        In this order the API has stopped accepting when the workers finish, and Redis is the last
        to stop.

        Raises:
            LocalServerError: the fleet needs its own Redis and there is no redis-server.
        """
        programs = [self._redis(self.redis_folder)] if self.redis_folder else []
        programs += [self._worker(f"worker{number}") for number in range(1, self.workers + 1)]
        programs.append(self._api())
        if self.flower_port:
            programs.append(self._flower())
        return programs

    def check_lane_count(self) -> None:
        """Make sure that Redis was not first used with another lane count.

        Raises:
            LaneCountError: it was.
            redis.exceptions.RedisError: Redis does not answer.
        """
        with closing(Inbox.connect(self.settings)) as inbox:
            inbox.check_lane_count()

    def is_ready(self) -> bool:
        """Return whether the API is healthy and every worker replies."""
        return self._is_api_healthy() and self._do_workers_reply()

    def _is_api_healthy(self) -> bool:
        connection = HTTPConnection(LOOPBACK, self.api_port, timeout=HEALTH_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/api/v1/health")
            return connection.getresponse().status == HTTPStatus.OK
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()

    def _do_workers_reply(self) -> bool:
        app = sending_app(
            self.settings.broker, self.settings.connect_seconds, self.settings.sentinels
        )
        try:
            replies = app.control.ping(timeout=PING_TIMEOUT_SECONDS, limit=self.workers)
        except (BrokerError, RedisError, OSError):
            return False
        return len(replies) >= self.workers

    def _is_redis_ready(self) -> bool:
        if not is_ready(self.settings.redis_url):
            return False
        self.check_lane_count()
        return True

    def _redis(self, folder: Path) -> Program:
        # The last option wins: Redis logs to its output, which goes into the folder of all logs.
        command = [*redis_command(folder, self.redis_port), "--logfile", ""]
        return Program(
            "redis",
            command,
            self.environment,
            log=self.logs / "redis.log",
            is_ready=self._is_redis_ready,
        )

    def _worker(self, name: str) -> Program:
        return Program(
            name,
            worker_command(name, self.concurrency),
            self.environment,
            log=self.logs / f"{name}.log",
            stop_timeout_seconds=WORKER_STOP_TIMEOUT_SECONDS,
        )

    def _api(self) -> Program:
        return Program(
            "api",
            [
                *(sys.executable, "-m", "uvicorn", "--factory", "tradecapture.api.app:create_app"),
                *("--host", LOOPBACK, "--port", str(self.api_port), "--no-access-log"),
                # A request that waits for an outcome may take longer than the API has to stop.
                *("--timeout-graceful-shutdown", str(API_STOP_TIMEOUT_SECONDS)),
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
            # Without this Flower's API answers 401. Only this machine can reach it.
            {**self.environment, "FLOWER_UNAUTHENTICATED_API": "true"},
            log=self.logs / "flower.log",
        )
