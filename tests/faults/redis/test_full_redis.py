"""A full Redis refuses trades and loses none; an emptied Redis takes new trades at once."""

import time
from collections.abc import Callable
from typing import Any

from click.testing import CliRunner

from tests.support.api.servers import environment_of
from tests.support.deployment.completion import unevenness, wait_for, wait_until_nothing_waits
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.mixed_load import (
    MORE,
    assert_clean,
    captured,
    mixed_load,
    refusals,
    start_two_workers,
    stopped,
    wait_for_backlog,
    wait_for_more,
)
from tests.support.history.history import History
from tradecapture.capture.gateway import Gateway
from tradecapture.cli import cli
from tradecapture.inbox.entry import Entry, decode_entry
from tradecapture.inbox.keys import LANES_KEY
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.receipt import Receipt

# Reads atomically which trades wait and which partitions are claimed, and empties Redis.
EMPTY = """
local held = {}
for _, key in ipairs(redis.call('KEYS', 'tc:*inbox:*')) do
  local lock = string.gsub(key, 'inbox:', 'lock:', 1)
  held[#held + 1] = {key, redis.call('EXISTS', lock), redis.call('LRANGE', key, 0, -1)}
end
redis.call('FLUSHALL')
return held
"""


def test_a_full_redis_refuses_and_is_emptied_by_capture(
    deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """A Redis without free memory refuses trades with 503, and workers still capture what waits."""
    workers, gateway = start_two_workers(deployment), deployment.gateway()
    with mixed_load(deployment, history) as traffics:
        with stopped(workers):
            wait_for_backlog(gateway)
            gateway.redis.config_set("maxmemory", "1")
            wait_for("trades are refused", lambda: _is_refused_both_ways(history))
        drained_in = wait_until_nothing_waits(gateway)
        accepted = sum(len(traffic.accepted) for traffic in traffics)
        assert captured(gateway) == accepted, "while it is full"
        assert unevenness(gateway) == []
        workers.append(deployment.start_worker("late").wait_ready())
        gateway.redis.config_set("maxmemory", "0")
        raised_at = time.monotonic()
        wait_for_more(gateway)
        more_after = time.monotonic() - raised_at
    assert_clean(traffics)
    assert_all_is_well(deployment, history)
    assert all(worker.process.poll() is None for worker in workers)
    figure(
        f"Redis full: what waited was captured in {drained_in:.2f} s; {MORE} more trades "
        f"{more_after:.2f} s after it had memory again, {deployment.database}"
    )


def test_an_emptied_redis_takes_new_trades_at_once(
    deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """After FLUSHALL the same workers and APIs go on, and reconcile reports the trades lost.

    Only trades that waited in Redis are lost, and submitters can send them again.
    """
    workers, gateway = start_two_workers(deployment), deployment.gateway()
    with mixed_load(deployment, history) as traffics:
        wait_for_more(gateway)
        with stopped(workers):
            wait_for_backlog(gateway)
            waited = _empty(gateway)
            emptied_at = time.monotonic()
        wait_for_more(gateway)
        went_on_after = time.monotonic() - emptied_at
    assert_clean(traffics)
    wait_until_nothing_waits(gateway)
    # A worker that had claimed trades writes them when it resumes, unless newer ones are captured.
    outcomes = gateway.ledger.outcomes([entry.submission.trade_id for entry, _claimed in waited])
    lost = [entry for entry, _claimed in waited if entry.submission.trade_id not in outcomes]
    assert [entry for entry, claimed in waited if not claimed] != []
    assert all(entry in lost for entry, claimed in waited if not claimed)
    ids = {entry.submission.trade_id for entry in lost} & set(history.accepted())
    assert_all_is_well(deployment, history, lost=ids)
    output = _reconcile(deployment)
    assert "Redis was emptied or replaced" in output
    assert "must send every trade again" in output
    assert "Clean: every accepted trade is accounted for." in output
    answers = gateway.accept([entry.submission for entry in lost])
    assert all(isinstance(answer, Receipt) and not answer.duplicate for answer in answers)
    wait_until_nothing_waits(gateway)
    assert set(gateway.ledger.outcomes(list(ids)).values()) == {Outcome.CAPTURED}
    assert unevenness(gateway) == []
    figure(
        f"Redis emptied: {len(ids)} trades that waited were lost, and sent again; {MORE} new ones "
        f"captured after {went_on_after:.2f} s, {deployment.database}"
    )


def _is_refused_both_ways(history: History) -> bool:
    return all(refusals(history, over_http=over_http) for over_http in (True, False))


def _empty(gateway: Gateway) -> list[tuple[Entry, bool]]:
    """Empty Redis; return each trade that waited, and whether a worker had claimed it."""
    inboxes: Any = gateway.redis.eval(EMPTY, 0)
    assert gateway.redis.get(LANES_KEY) is None
    return [
        (decode_entry(key.decode().split("inbox:", 1)[1], raw), bool(claimed))
        for key, claimed, entries in inboxes
        for raw in entries
    ]


def _reconcile(deployment: Deployment) -> str:
    settings = deployment.settings
    environment = environment_of(redis_url=settings.redis_url, database_url=settings.database_url)
    result = CliRunner().invoke(cli, ["reconcile"], env=environment)
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())
