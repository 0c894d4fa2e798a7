"""The image as a Celery worker, by pytest-celery: a broker, a database, and our worker."""

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
from tests.support.deployment.containers.docker import IMAGE, docker, inspected
from tests.support.deployment.containers.images import POSTGRESQL, REDIS, needs
from tradecapture.capture.messages import SUBMIT_QUEUE, SUBMIT_TASK

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

PASSWORD = "Aa0-postgresql"
READY_SECONDS = 120


@pytest.fixture(scope="session", autouse=True)
def _images() -> None:
    """Comes before pytest-celery asks the engine for anything."""
    needs(POSTGRESQL, REDIS)


class Broker(RedisContainer):
    """Redis at an address that this host reaches."""

    @property
    def host_url(self) -> str:
        """Its own address: pytest-celery's is right only outside of containers."""
        (network,) = self.attrs["NetworkSettings"]["Networks"].values()
        return f"redis://{network['IPAddress']}:6379/{self.vhost}"


class Worker(CeleryWorkerContainer):
    """Our worker, with the image's own code: pytest-celery would bring an app of its own."""

    @classmethod
    def command(cls, *words: str, **_options: Any) -> list[str]:
        """Return the command of docker-compose.yml."""
        names = ["--hostname", f"{cls.worker_name()}@%h"]
        fewer = ["--without-gossip", "--without-mingle", "--concurrency=1", "--loglevel=INFO"]
        return ["celery", "--app=workers", "worker", *names, *fewer, *words]


celery_base_worker_image = local_image(name=IMAGE)

default_redis_broker = container(
    image=REDIS,  # pulled only where it is missing
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
    """The worker's container."""
    return Worker


@pytest.fixture
def celery_broker_cluster(celery_redis_broker: RedisTestBroker) -> CeleryBrokerCluster:
    """One Redis; it holds the inboxes too."""
    return CeleryBrokerCluster(celery_redis_broker)


@pytest.fixture
def celery_backend_cluster() -> None:
    """No result backend: the ledger tells what became of a trade."""


@pytest.fixture
def default_worker_env(
    postgresql: Any, default_pytest_celery_network: Any, default_redis_broker: Broker
) -> dict[str, str]:
    """The variables of the worker; its database is created, with its tables, by the image."""
    host = postgresql.attrs["Config"]["Hostname"]
    environment = {
        "TRADECAPTURE_REDIS_URL": default_redis_broker.url,
        "TRADECAPTURE_DATABASE_URL": f"postgresql://desk:{PASSWORD}@{host}/ledger",
        "TRADECAPTURE_HEARTBEAT_FILE": "/tmp/heartbeat",
    }
    variables = [f"--env={name}={value}" for name, value in environment.items()]
    network = f"--network={default_pytest_celery_network.name}"
    told = docker(
        *("run", "--rm", network, *variables, IMAGE), *("tradecapture", "db", "upgrade", "--create")
    )
    assert "The database was created." in told
    return environment


def test_a_trade_sent_by_celery_is_captured_and_the_worker_ends_in_peace(
    celery_setup: CeleryTestSetup,
) -> None:
    """From a service that has only Celery, through the image's worker, into its ledger."""
    sender: Celery = celery_setup.app
    worker = celery_setup.worker.container
    trade = trade_json(tradeId="BY-CELERY").decode()
    sender.send_task(SUBMIT_TASK, args=(trade,), queue=SUBMIT_QUEUE)
    wait_for("it is captured", lambda: _counts(worker.id)["captured"] == 1)
    # The probe of docker-compose.yml and Kubernetes; it fails where the heartbeat is old.
    fresh = ("find", "/tmp/heartbeat", "!", "-newermt", "-30 seconds", "-exec", "false", "{}", "+")
    assert docker("exec", worker.id, *fresh) == ""
    worker.kill(signal.SIGTERM)
    wait_for("it has ended", lambda: not inspected(worker.id)["State"]["Running"])
    assert inspected(worker.id)["State"]["ExitCode"] == 0


def _counts(worker: str) -> dict[str, int]:
    total: dict[str, int] = json.loads(
        docker("exec", worker, "tradecapture", "reconcile", "--json")
    )["total"]
    return total
