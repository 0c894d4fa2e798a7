"""A deployment of the compose files: a project of its own, with passwords and a port of its own."""

import json
import os
import shutil
import sys
import uuid
from types import TracebackType
from typing import Any, Self

from tests.support.deployment.containers.docker import docker, run
from tradecapture.local.servers.ports import LOOPBACK, free_port

COMPOSE_VARIABLE = "TRADECAPTURE_TEST_COMPOSE"  # another Compose to test with
FLOWER_PASSWORD = "Aa0-flower"


def compose_command() -> list[str]:
    """Return the Compose to use: the one that is named, the one on PATH, or Docker's own."""
    if named := os.environ.get(COMPOSE_VARIABLE):
        return named.split()
    return ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]


class Composed:
    """One deployment, as a context manager: up at its beginning, all of it gone at its end."""

    def __init__(self, *files: str, **environment: str) -> None:
        """Prepare; the files lie in the project's folder."""
        self.port, self.flower_port = free_port(), free_port()
        self._project = f"tradecapture-test-{uuid.uuid4().hex[:8]}"
        self._files = [word for file in files for word in ("-f", file)]
        self._environment = {
            **os.environ,
            "DATABASE_PASSWORD": "Aa0-database",
            "REDIS_PASSWORD": "Aa0-redis",
            "FLOWER_PASSWORD": FLOWER_PASSWORD,
            "HTTP_PORT": str(self.port),
            "FLOWER_PORT": str(self.flower_port),
            "WORKER_CONCURRENCY": "1",
            **environment,
        }

    @property
    def url(self) -> str:
        """Where it takes trades."""
        return f"http://{LOOPBACK}:{self.port}"

    def compose(self, *words: str) -> str:
        """Run a command of Compose; return its output."""
        command = [*compose_command(), "-p", self._project, *self._files, *words]
        return run(*command, env=self._environment)

    def up(self, *words: str) -> None:
        """Start what is not started."""
        self.compose("up", "-d", "--no-build", *words)

    def run_in(self, service: str, *command: str) -> str:
        """Run a command in a container of a service; return its output."""
        return docker("exec", self.containers(service)[0], *command)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's running containers."""
        return docker("ps", "-q", *self._of(service)).split()

    def _of(self, service: str) -> list[str]:
        labels = {"project": self._project, "service": service}
        return [f"--filter=label=com.docker.compose.{name}={is_}" for name, is_ in labels.items()]

    def account(self) -> dict[str, Any]:
        """Return what `reconcile` says, from within."""
        text: dict[str, Any] = json.loads(self.run_in("api", "tradecapture", "reconcile", "--json"))
        return text

    def nothing_waits(self) -> bool:
        """Return whether every accepted trade has its outcome."""
        return bool(self.account()["total"]["waiting"] == 0)

    def __enter__(self) -> Self:
        """Return the deployment; nothing is started yet."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove everything; after an error show the logs first."""
        if error is not None:
            sys.stdout.write(self.compose("ps", "-a") + self.compose("logs", "--tail", "60"))
        self.compose("down", "-v", "--timeout", "1")
