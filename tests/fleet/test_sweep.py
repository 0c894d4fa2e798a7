"""Bells are lost."""

import pytest

from tests.fleet.account import (
    assert_each_captured_once_in_order,
    wait_until_nothing_waits,
)
from tests.fleet.conftest import StartWorker
from tests.fleet.load import submissions
from tradecapture import Client

pytestmark = pytest.mark.fleet


def test_trades_whose_bell_was_never_sent_are_captured(
    client: Client, start_worker: StartWorker
) -> None:
    """A submitter that dies between append and bell leaves its trades to the sweep."""
    start_worker("w", bell_seconds=1).wait_ready()
    accepted = client.inbox.accept(submissions(500, partitions=40))  # and nobody rings

    wait_until_nothing_waits(client)
    assert_each_captured_once_in_order(
        client, [answer.trade_id or "" for answer in accepted.answers]
    )


def test_bells_rung_a_hundred_times_capture_each_trade_once(
    client: Client, start_worker: StartWorker
) -> None:
    """A bell only says look: repeating it changes nothing."""
    for number in range(2):
        start_worker(f"w{number}", concurrency=2, batch_trades=10).wait_ready()
    answers = client.accept(submissions(2_000, partitions=20))
    for _ in range(100):
        client.ring(range(client.settings.lanes))

    wait_until_nothing_waits(client)
    assert_each_captured_once_in_order(client, [answer.trade_id or "" for answer in answers])
