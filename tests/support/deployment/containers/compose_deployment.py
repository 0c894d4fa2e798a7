"""A deployment of the compose files, in its own Compose project with its own ports."""

import json
import os
import shutil
import sys
import uuid
from types import TracebackType
from typing import Any, Self

from tests.support.deployment.containers.docker import docker, run
from tradecapture.local.servers.ports import LOOPBACK, free_port

COMPOSE_VARIABLE = "TRADECAPTURE_TEST_COMPOSE"  # names another Compose command to test with
FLOWER_PASSWORD = "Aa0-flower"


def compose_command() -> list[str]:
    """Return the Compose command: that of the variable, docker-compose on PATH, or Docker's."""
    if command := os.environ.get(COMPOSE_VARIABLE):
        return command.split()
    return ["docker-compose"] if shutil.which("docker-compose") else ["docker", "compose"]


class ComposeDeployment:
    """One deployment, as a context manager that removes all of it at its end."""

    def __init__(self, *files: str, **environment: str) -> None:
        """Prepare a deployment of compose files, which are in the repository's folder."""
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
        """The URL of the API."""
        return f"http://{LOOPBACK}:{self.port}"

    def compose(self, *words: str) -> str:
        """Run a Compose command and return its output."""
        command = [*compose_command(), "-p", self._project, *self._files, *words]
        return run(*command, env=self._environment)

    def up(self, *words: str) -> None:
        """Start the services that do not run yet."""
        self.compose("up", "-d", "--no-build", *words)

    def run_in(self, service: str, *command: str) -> str:
        """Run a command in a container of a service and return its output."""
        return docker("exec", self.containers(service)[0], *command)

    def containers(self, service: str) -> list[str]:
        """Return the ids of a service's running containers."""
        return docker("ps", "-q", *self._filters(service)).split()

    def _filters(self, service: str) -> list[str]:
        labels = {"project": self._project, "service": service}
        return [f"--filter=label=com.docker.compose.{key}={value}" for key, value in labels.items()]

    def reconcile(self) -> dict[str, Any]:
        """Run `tradecapture reconcile` in the API's container and return its report."""
        output = self.run_in("api", "tradecapture", "reconcile", "--json")
        report: dict[str, Any] = json.loads(output)
        return report

    def nothing_waits(self) -> bool:
        """Return whether every accepted trade has its outcome."""
        return bool(self.reconcile()["total"]["waiting"] == 0)

    def __enter__(self) -> Self:
        """Return the deployment without starting it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove everything; after an error print the logs first."""
        if error is not None:
            sys.stdout.write(self.compose("ps", "-a") + self.compose("logs", "--tail", "60"))
        self.compose("down", "-v", "--timeout", "1")
