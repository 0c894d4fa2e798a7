"""Hostile messages on the broker: the worker refuses them and goes on working."""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from kombu.connection import Connection
from kombu.messaging import Producer
from redis import Redis

from tests.support.builders import submission
from tests.support.deployment.completion import wait_for, wait_until_nothing_waits
from tests.support.deployment.workers import StartWorker
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.messages import CAPTURE_TASK, SUBMIT_QUEUE, SUBMIT_TASK, queue_of
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox.keys import LANES_KEY, lane_keys
from tradecapture.local.servers.worker import LocalWorker

pytestmark = pytest.mark.workers

QUEUE = queue_of(0)
REFUSED_TASK = b"Received invalid task message: Refusing to deserialize"
REFUSED_COMMAND = b"Can't decode message body: ContentDisallowed"
HUGE = "9" * 3_000_000  # characters; about a hundred times a message of the fleet

INVALID_LANES: list[object] = [
    -1,
    16,
    99,
    "0",
    None,
    True,
    0.0,
    [],
    {"lane": 0},
    2**70,
    "}:inbox:x",
    HUGE,
]
INVALID_TRADES: list[object] = [
    123,
    None,
    [],
    "",
    "{",
    "\ud800",
    {},
    {"tradeId": None},
    {"tradeId": "\ud800"},
    HUGE,
]


class CreatesFile:
    """An object whose pickle creates a file when it is read."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        """Return the call that unpickling makes."""
        return open, (str(self._file), "w")


@pytest.fixture
def worker(start_worker: StartWorker) -> LocalWorker:
    """A worker that consumes messages."""
    return start_worker("w").wait_ready()


def test_a_pickled_message_is_refused_and_never_read(
    gateway: Gateway, worker: LocalWorker, tmp_path: Path
) -> None:
    """A worker refuses a pickled task and a pickled control message, and unpickles neither."""
    trap = tmp_path / "pickle was run"
    with Connection(gateway.settings.broker) as connection:
        producer = Producer(connection)
        headers = {"task": CAPTURE_TASK, "id": str(uuid4()), "lang": "py"}
        body: Any = ((CreatesFile(trap),), {}, {})
        producer.publish(body, routing_key=QUEUE, serializer="pickle", headers=headers)
        control = sending_app(
            gateway.settings.broker, gateway.settings.connect_seconds
        ).control.mailbox
        producer.publish(
            {"method": "ping", "arguments": {"trap": CreatesFile(trap)}, "destination": None},
            exchange=control.exchange,
            declare=[control.exchange],
            serializer="pickle",
        )

    wait_for("the task is refused", lambda: REFUSED_TASK in worker.log.read_bytes())
    wait_for("the command is refused", lambda: REFUSED_COMMAND in worker.log.read_bytes())
    _assert_worker_captures(gateway, worker)
    assert not trap.exists()


@pytest.mark.parametrize("content_type", ["application/x-yaml", "application/x-msgpack", "text/x"])
def test_other_content_is_refused(
    content_type: str, gateway: Gateway, worker: LocalWorker, tmp_path: Path
) -> None:
    """A worker refuses YAML, which could run code, and every other content type, unread."""
    trap = tmp_path / "made"
    body = f"!!python/object/apply:os.mkdir ['{trap}']".encode()
    headers = {"task": CAPTURE_TASK, "id": str(uuid4()), "lang": "py"}
    with Connection(gateway.settings.broker) as connection:
        Producer(connection).publish(
            body,
            routing_key=QUEUE,
            content_type=content_type,
            content_encoding="utf-8",
            headers=headers,
        )

    wait_for("it is refused", lambda: REFUSED_TASK in worker.log.read_bytes())
    _assert_worker_captures(gateway, worker)
    assert not trap.exists()


def test_odd_messages_are_refused_and_nothing_is_touched(
    gateway: Gateway, worker: LocalWorker, redis: "Redis"
) -> None:
    """A worker refuses unknown tasks, wrong arguments, invalid lanes and invalid trades."""
    app = sending_app(gateway.settings.broker, gateway.settings.connect_seconds)
    app.send_task("tradecapture.nothing", args=(1,), queue=SUBMIT_QUEUE)
    for lane in INVALID_LANES:
        app.send_task(CAPTURE_TASK, args=(lane,), queue=QUEUE)
    app.send_task(CAPTURE_TASK, args=(), queue=QUEUE)
    app.send_task(CAPTURE_TASK, args=(0, 1), queue=QUEUE)
    app.send_task(CAPTURE_TASK, kwargs={"lane": 0, "budget": 1}, queue=QUEUE)
    for trade in INVALID_TRADES:
        app.send_task(SUBMIT_TASK, args=(trade,), queue=SUBMIT_QUEUE)
    app.send_task(SUBMIT_TASK, args=("{}",), kwargs={"callback_url": 5}, queue=SUBMIT_QUEUE)
    app.send_task(SUBMIT_TASK, args=("{}", "\ud800", "\n", "\0"), queue=SUBMIT_QUEUE)

    queues = (QUEUE, SUBMIT_QUEUE)
    wait_for("all are taken", lambda: not any(redis.llen(queue) for queue in queues))
    _assert_worker_captures(gateway, worker)
    log = worker.log.read_text(errors="replace")
    assert log.count("is no lane of this deployment") == len(INVALID_LANES)
    assert "tradecapture.nothing" in log
    prefixes = tuple(lane_keys(lane).prefix for lane in range(gateway.settings.lanes))
    ours = [key.decode() for key in redis.keys("tc:*")]  # type: ignore[union-attr]
    assert [key for key in ours if not key.startswith(prefixes) and key != LANES_KEY] == []


def _assert_worker_captures(gateway: Gateway, worker: LocalWorker) -> None:
    """Check that the worker has not ended, and captures the next trade."""
    gateway.accept([submission("NEXT")])
    wait_until_nothing_waits(gateway)
    assert gateway.ledger.outcomes(["NEXT"]) == {"NEXT": "CAPTURED"}
    assert worker.process.poll() is None
