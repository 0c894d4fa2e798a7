"""The image as a Celery worker in the set-up of pytest-celery, with a broker and a database."""

import json
import signal
from typing import Any

import pytest
from celery import Celery
from pytest_celery import (
    CeleryBrokerCluster,
    CeleryTestSetup,
    CeleryWorkerContainer,
    RedisContainer,
    RedisTestBroker,
)
from pytest_docker_tools import container, fxtr
from pytest_docker_tools import image as local_image

from tests.support.builders import trade_json
from tests.support.deployment.completion import wait_for
from tests.support.deployment.containers.docker import IMAGE, docker, inspect_object
from tests.support.deployment.containers.images import POSTGRESQL, REDIS, require_images
from tradecapture.capture.messages import SUBMIT_QUEUE, SUBMIT_TASK

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

PASSWORD = "Aa0-postgresql"
READY_SECONDS = 120


@pytest.fixture(scope="session", autouse=True)
def _images() -> None:
    """Skip the tests before pytest-celery uses the Docker engine."""
    require_images(POSTGRESQL, REDIS)


class Broker(RedisContainer):
    """A Redis container with a URL that this host can reach."""

    @property
    def host_url(self) -> str:
        """The URL with the container's own address; pytest-celery's works only on the host."""
        (network,) = self.attrs["NetworkSettings"]["Networks"].values()
        return f"redis://{network['IPAddress']}:6379/{self.vhost}"


class Worker(CeleryWorkerContainer):
    """A worker that runs the image's own app; pytest-celery by default installs another app."""

    @classmethod
    def command(cls, *words: str, **_options: Any) -> list[str]:
        """Return the command of docker-compose.yml."""
        hostname = ["--hostname", f"{cls.worker_name()}@%h"]
        options = ["--without-gossip", "--without-mingle", "--concurrency=1", "--loglevel=INFO"]
        return ["celery", "--app=workers", "worker", *hostname, *options, *words]


celery_base_worker_image = local_image(name=IMAGE)

default_redis_broker = container(
    image=REDIS,  # pulled only if it is missing
    ports={"6379/tcp": None},
    network="{default_pytest_celery_network.name}",
    wrapper_class=Broker,
    timeout=READY_SECONDS,
    command=Broker.command(),
)

postgresql = container(
    image=POSTGRESQL,
    environment={
        "POSTGRES_USER": "desk",
        "POSTGRES_PASSWORD": PASSWORD,
        "POSTGRES_DB": "postgres",
    },
    ports={"5432/tcp": None},
    network="{default_pytest_celery_network.name}",
    timeout=READY_SECONDS,
)

default_worker_container = container(
    image="{celery_base_worker_image.id}",
    environment=fxtr("default_worker_env"),
    network="{default_pytest_celery_network.name}",
    wrapper_class=Worker,
    timeout=READY_SECONDS,
    command=fxtr("default_worker_command"),
)


@pytest.fixture
def default_worker_container_cls() -> type[CeleryWorkerContainer]:
    """The class of the worker's container."""
    return Worker


@pytest.fixture
def celery_broker_cluster(celery_redis_broker: RedisTestBroker) -> CeleryBrokerCluster:
    """One Redis, for the bells and the inboxes."""
    return CeleryBrokerCluster(celery_redis_broker)


@pytest.fixture
def celery_backend_cluster() -> None:
    """No result backend, because the ledger has the outcomes."""


@pytest.fixture
def default_worker_env(
    postgresql: Any, default_pytest_celery_network: Any, default_redis_broker: Broker
) -> dict[str, str]:
    """Create the database with the image, and return the worker's environment variables."""
    host = postgresql.attrs["Config"]["Hostname"]
    environment = {
        "TRADECAPTURE_REDIS_URL": default_redis_broker.url,
        "TRADECAPTURE_DATABASE_URL": f"postgresql://desk:{PASSWORD}@{host}/ledger",
        "TRADECAPTURE_HEARTBEAT_FILE": "/tmp/heartbeat",
    }
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    network = f"--network={default_pytest_celery_network.name}"
    output = docker(
        *("run", "--rm", network, *variables, IMAGE), *("tradecapture", "db", "upgrade", "--create")
    )
    assert "The database was created." in output
    return environment


def test_a_trade_sent_by_celery_is_captured_and_the_worker_ends_in_peace(
    celery_setup: CeleryTestSetup,
) -> None:
    """The image's worker captures a task of another service, and ends with 0 on SIGTERM."""
    sender: Celery = celery_setup.app
    worker = celery_setup.worker.container
    trade = trade_json(tradeId="BY-CELERY").decode()
    sender.send_task(SUBMIT_TASK, args=(trade,), queue=SUBMIT_QUEUE)
    wait_for("it is captured", lambda: _counts(worker.id)["captured"] == 1)
    # The probe of docker-compose.yml and Kubernetes, which fails if the heartbeat is old.
    probe = ("find", "/tmp/heartbeat", "!", "-newermt", "-30 seconds", "-exec", "false", "{}", "+")
    assert docker("exec", worker.id, *probe) == ""
    worker.kill(signal.SIGTERM)
    wait_for("it has ended", lambda: not inspect_object(worker.id)["State"]["Running"])
    assert inspect_object(worker.id)["State"]["ExitCode"] == 0


def _counts(worker: str) -> dict[str, int]:
    total: dict[str, int] = json.loads(
        docker("exec", worker, "tradecapture", "reconcile", "--json")
    )["total"]
    return total
