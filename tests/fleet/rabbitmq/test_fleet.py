"""A fleet whose bells are on RabbitMQ, while RabbitMQ works, is killed, hangs or refuses a login.

Some tests of `tests/fleet/workers` run on RabbitMQ too (`on_each_broker`).
"""

import time

import pytest
from redis import Redis

from tests.support.deployment.completion import (
    assert_each_captured_once_in_order,
    wait_until_nothing_waits,
)
from tests.support.deployment.traffic.load import submissions
from tests.support.deployment.workers import StartWorker
from tests.support.servers.rabbitmq_server import RabbitmqServer
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.messages import queue_of
from tradecapture.doctor.finding import Level
from tradecapture.doctor.workers import check_workers
from tradecapture.trades.receipt import Receipt

pytestmark = pytest.mark.rabbitmq

TRADES = 2000
MAX_SUBMIT_SECONDS = 20.0  # for a submission whose bell cannot be sent; usually 3 or 6


def test_bells_and_nothing_else_of_celery_go_through_rabbitmq(
    gateway: Gateway, start_worker: StartWorker, redis: "Redis", rabbitmq: RabbitmqServer
) -> None:
    """Redis holds only inboxes; 2,000 trades are captured in order; `doctor` sees 4 processes."""
    for name in ("w1", "w2"):
        start_worker(name, concurrency=2).wait_ready()
    ids = _submit(gateway)
    wait_until_nothing_waits(gateway)
    assert_each_captured_once_in_order(gateway, ids)
    assert [key for key in redis.scan_iter() if not key.startswith(b"tc:")] == []
    (finding, *_others), processes = check_workers(gateway.settings)
    assert (finding.level, processes) == (Level.OK, 4), finding
    # RabbitMQ 4.3 refuses a queue that is neither durable nor exclusive.
    listed = rabbitmq.control("list_queues", "name", "durable", "exclusive").splitlines()
    rows = [line.split("\t") for line in listed if "\t" in line]
    assert len(rows) > gateway.settings.lanes
    assert [row for row in rows if row[1:] == ["false", "false"]] == []


def test_lost_bells_are_rung_again(
    gateway: Gateway, start_worker: StartWorker, rabbitmq: RabbitmqServer
) -> None:
    """All bells are removed from the queues, and the sweep of a worker rings again."""
    worker = start_worker("w").wait_ready()  # it declares the queues
    worker.kill()
    ids = _submit(gateway)
    queues = [queue_of(lane) for lane in range(gateway.settings.lanes)]
    assert sum(map(rabbitmq.waiting, queues)) > 0
    rabbitmq.empty(*queues)
    start_worker("w")
    wait_until_nothing_waits(gateway)
    assert_each_captured_once_in_order(gateway, ids)


def test_workers_find_a_restarted_rabbitmq(
    gateway: Gateway, start_worker: StartWorker, rabbitmq: RabbitmqServer
) -> None:
    """While RabbitMQ is down, trades are accepted. Once it is back, they are captured."""
    start_worker("w").wait_ready()
    before = _submit(gateway)
    rabbitmq.kill()
    during_outage = _submit(gateway, first=TRADES)
    (finding,), _ = check_workers(gateway.settings)
    assert (finding.level, finding.subject) == (Level.FAIL, "broker")
    rabbitmq.start()
    wait_until_nothing_waits(gateway)
    assert_each_captured_once_in_order(gateway, [*before, *during_outage])


def test_a_frozen_rabbitmq_delays_a_submission_by_seconds_only(
    gateway: Gateway, start_worker: StartWorker, rabbitmq: RabbitmqServer
) -> None:
    """Its connections stay open and it answers nothing. The trades are accepted nevertheless."""
    start_worker("w").wait_ready()
    before = _submit(gateway)
    wait_until_nothing_waits(gateway)
    rabbitmq.freeze()
    try:
        began = time.monotonic()
        during_freeze = _submit(gateway, first=TRADES)
        assert time.monotonic() - began < MAX_SUBMIT_SECONDS
    finally:
        rabbitmq.thaw()
    wait_until_nothing_waits(gateway)
    assert_each_captured_once_in_order(gateway, [*before, *during_freeze])


@pytest.mark.parametrize("wrong", ["user", "virtual host"])
def test_a_rabbitmq_that_refuses_the_submitter_costs_no_trade(
    gateway: Gateway, rabbitmq: RabbitmqServer, wrong: str
) -> None:
    """With a wrong password or virtual host the bell is not sent, and the trade is accepted."""
    old, new = (":guest@", ":wrong@") if wrong == "user" else ("//", "/none")
    head, _, tail = rabbitmq.url.rpartition(old)
    gateway.bell._app.conf.broker_url = f"{head}{new}{tail}"
    (receipt,) = gateway.accept(submissions(1, partitions=1))
    assert isinstance(receipt, Receipt)
    lane = next(iter({row.lane for row in gateway.inbox_reader.partitions()}))
    assert gateway.inbox.reserve_bells([lane]) == [lane], (
        "the reservation of the bell was given back"
    )


def _submit(gateway: Gateway, first: int = 0) -> list[str]:
    """Submit the next trades, check that all are accepted, and return their ids."""
    answers = gateway.accept(submissions(first + TRADES, partitions=100)[first:])
    assert all(isinstance(answer, Receipt) for answer in answers)
    return [answer.trade_id or "" for answer in answers]
