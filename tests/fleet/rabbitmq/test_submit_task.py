"""Trades that are submitted as Celery tasks: unlike Redis, RabbitMQ loses none."""

import os
import signal

import psutil
import pytest
from amqp.exceptions import ChannelError
from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis

from tests.support.deployment.completion import assert_each_captured_once_in_order, wait_for
from tests.support.deployment.traffic.load import submissions
from tests.support.deployment.workers import StartWorker
from tests.support.servers.rabbitmq_server import RabbitmqServer
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.messages import SUBMIT_QUEUE, SUBMIT_TASK
from tradecapture.local.servers.worker import LocalWorker

pytestmark = pytest.mark.rabbitmq

TRADES = 30
PAUSE_MILLISECONDS = 60_000  # longer than the test, which ends the pause


@pytest.fixture
def trade_ids(gateway: Gateway, sender: Celery) -> list[str]:
    """The ids of trades sent as tasks. Their sender has ended, and no worker has received them."""
    trades = submissions(TRADES, partitions=10)
    for trade in trades:
        sender.send_task(SUBMIT_TASK, args=(trade.document.decode(),))
    sender.close()
    return [trade.trade_id for trade in trades]


def test_submitted_trades_survive_a_kill_of_rabbitmq(
    gateway: Gateway, trade_ids: list[str], start_worker: StartWorker, rabbitmq: RabbitmqServer
) -> None:
    """RabbitMQ is killed right after it confirmed the last message, so all are on disk."""
    rabbitmq.kill()
    rabbitmq.start()
    assert rabbitmq.waiting(SUBMIT_QUEUE) == TRADES
    start_worker("w")
    _wait_until_captured(gateway, trade_ids)


@pytest.mark.parametrize("what", ["worker", "pool process"])
def test_submitted_trades_survive_a_kill_of_what_holds_them(
    gateway: Gateway,
    trade_ids: list[str],
    start_worker: StartWorker,
    redis: "Redis",
    rabbitmq: RabbitmqServer,
    what: str,
) -> None:
    """RabbitMQ delivers the messages of a killed process again, running or prefetched."""
    redis.client_pause(PAUSE_MILLISECONDS, all=False)  # writes wait, so the task cannot end
    try:
        # A sweep would block the main process too, so there is none.
        victim = start_worker("victim", sweep_seconds=60).wait_ready()
        wait_for("a task is running", lambda: _is_paused(redis))
        assert rabbitmq.waiting(SUBMIT_QUEUE) < TRADES
        _kill(victim, what)
    finally:
        redis.client_unpause()
    if what == "worker":
        start_worker("other")
    _wait_until_captured(gateway, trade_ids)


def test_a_sender_is_told_when_no_queue_takes_its_trade(
    gateway: Gateway,
    sender: Celery,
    rabbitmq: RabbitmqServer,
) -> None:
    """The queue is removed after its first use. RabbitMQ could drop what it cannot route."""
    first, second = (trade.document.decode() for trade in submissions(2, partitions=1))
    sender.send_task(SUBMIT_TASK, args=(first,))
    rabbitmq.remove(SUBMIT_QUEUE)
    with pytest.raises((OperationalError, ChannelError), match="NO_ROUTE"):
        sender.send_task(SUBMIT_TASK, args=(second,))


def _kill(victim: LocalWorker, what: str) -> None:
    if what == "worker":
        victim.kill()
        return
    (child,) = psutil.Process(victim.process.pid).children()
    os.kill(child.pid, signal.SIGKILL)


def _is_paused(redis: "Redis") -> bool:
    """Return whether a script of a client waits for the end of the pause."""
    return any("b" in each["flags"] for each in redis.client_list())


def _wait_until_captured(gateway: Gateway, trade_ids: list[str]) -> None:
    wait_for("all are captured", lambda: len(gateway.ledger.outcomes(trade_ids)) == TRADES)
    assert_each_captured_once_in_order(gateway, trade_ids)
