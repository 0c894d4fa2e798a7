"""A worker is asked to stop."""

import pytest

from tests.fleet.account import (
    assert_each_captured_once_in_order,
    wait_for,
    wait_until_nothing_waits,
)
from tests.fleet.conftest import StartWorker
from tests.fleet.load import submissions
from tradecapture import Client

pytestmark = pytest.mark.fleet


def test_a_stopped_worker_finishes_the_batch_in_hand(
    client: Client, start_worker: StartWorker
) -> None:
    """SIGTERM under load: exit code 0, no lease left behind, and the next worker does the rest."""
    first = start_worker("first", batch_trades=20).wait_ready()
    answers = client.accept(submissions(4_000, partitions=50))
    wait_for("the first trades are captured", lambda: bool(client.ledger.positions(limit=1)))

    first.stop()

    assert first.process.returncode == 0
    rows = client.inbox_reader.partitions()
    assert [row for row in rows if row.owner is not None] == []
    assert sum(row.waiting for row in rows) > 0, "it should have been stopped in the middle"
    start_worker("second").wait_ready()
    wait_until_nothing_waits(client)
    assert_each_captured_once_in_order(client, [answer.trade_id or "" for answer in answers])
