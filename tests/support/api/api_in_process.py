"""Run an API and a worker in the test's own process, on one Redis and one database."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any, NamedTuple
from urllib.parse import quote

import httpx
import uvicorn
from redis import Redis

from tests.support.capture.worker import Worker
from tradecapture.api.app import create_app
from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.server import wait_until
from tradecapture.settings import Settings

START_SECONDS = 20.0
RESPONSE_TIMEOUT_SECONDS = 20.0  # for one response, on a machine that is busy with other tests
PARTITIONS = "/api/v1/partitions"
ACTION_BODY = {"by": "ann", "why": "a test"}


class InProcessApi(NamedTuple):
    """An API that a thread of this process serves, and the worker that captures its trades."""

    http: httpx.Client
    worker: Worker

    def page(self, **query: Any) -> dict[str, Any]:
        """Return a page of partitions."""
        return _ok(self.http.get(PARTITIONS, params=query))

    def partition(self, partition: str, **query: Any) -> dict[str, Any]:
        """Return one partition in detail."""
        return _ok(self.http.get(f"{PARTITIONS}/{quote(partition, safe='')}", params=query))

    def post_action(
        self, partition: str, action: str, body: object = None, **query: Any
    ) -> httpx.Response:
        """Post an action; by default the body names an operator and a reason."""
        address = f"{PARTITIONS}/{quote(partition, safe='')}/{action}"
        return self.http.post(address, json=ACTION_BODY if body is None else body, params=query)

    def perform(self, partition: str, action: str, **more: Any) -> dict[str, Any]:
        """Post an action that must succeed, and return its result."""
        return _ok(self.post_action(partition, action, ACTION_BODY | more))


@contextmanager
def run_in_process(redis: "Redis", settings: Settings) -> Iterator[InProcessApi]:
    """Run an API and a worker in this process."""
    worker = Worker(redis, settings)
    with (
        serving(settings) as url,
        httpx.Client(base_url=url, timeout=RESPONSE_TIMEOUT_SECONDS) as http,
    ):
        yield InProcessApi(http, worker)
    worker.ledger.dispose()


@contextmanager
def serving(settings: Settings) -> Iterator[str]:
    """Serve an API in a thread; yield its URL."""
    port = free_port()
    config = uvicorn.Config(create_app(settings), LOOPBACK, port, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = Thread(target=server.run)
    thread.start()
    try:
        assert wait_until(lambda: server.started, START_SECONDS)
        yield f"http://{LOOPBACK}:{port}"
    finally:
        server.should_exit = True
        thread.join()


def _ok(response: httpx.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    body: dict[str, Any] = response.json()
    return body
