"""No trade is lost when the database is killed, cut off, away for long, or locked."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.traffic import Traffic, of_apis, of_gateway
from tests.support.deployment.workers import POSTPONED, RETRIED, count_in_logs, counted_captures
from tests.support.faults.fault_injector import COMMIT, REPAIRED, FaultInjector
from tests.support.faults.recovery_times import recovery_figure
from tests.support.faults.schedule import FaultKind, PlannedFault
from tests.support.history.event import Answered, Said
from tests.support.history.history import History
from tests.support.servers.proxies.proxy import Mode, Proxy
from tradecapture.capture.gateway import Gateway
from tradecapture.inbox.keys import lane_keys
from tradecapture.local.servers.worker import LocalWorker

pytestmark = [pytest.mark.timeout(240)]

KILL = PlannedFault(0.0, FaultKind.KILL_DATABASE, lasts_seconds=1.0, victim=0)
CUT_ALL = PlannedFault(0.0, FaultKind.CUT_CONNECTIONS, lasts_seconds=0.0, victim=0)
KILLS, CUTS, LOST_COMMITS = 3, 30, 30
CALM_SECONDS = 2.0
PAUSE_SECONDS = 0.1  # between two cuts: the time of a few transactions
SMALL_BATCH = 20  # trades, so that many faults hit a transaction
# The connection is cut before one of these statements of a capture. Until then the transaction has
# done nothing, has locked rows, or has written trades.
STATEMENTS = (b"FOR UPDATE", b"COPY trades", b"UPDATE partitions")
# The most postponements in a row within 30 s: the delay starts at 0.1 s and doubles up to 10 s, and
# jitter may halve it.
MAX_TRIES = 15


def test_postgresql_killed_and_restarted_under_load(
    postgresql_deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """Three kills of PostgreSQL leave every trade captured once and in order."""
    deployment = postgresql_deployment
    _proxy, workers, injector = _start(deployment, history)
    with _traffic(deployment, history) as traffic:
        for _ in range(KILLS):
            time.sleep(CALM_SECONDS)
            injector.commit(KILL)
        time.sleep(CALM_SECONDS)
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    assert count_in_logs(workers, RETRIED) >= KILLS
    figure(
        f"PostgreSQL killed {KILLS} times in {len(traffic.accepted):,} trades: "
        + recovery_figure(deployment.gateway(), history)
    )


def test_connections_cut_within_transactions_have_one_effect(
    postgresql_deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """Every trade is captured once although connections are cut within transactions.

    The proxy cuts one connection before each statement of a capture in turn, and then PostgreSQL
    ends all connections at once.
    """
    deployment = postgresql_deployment
    proxy, workers, injector = _start(deployment, history)
    with _traffic(deployment, history) as traffic:
        for number in range(CUTS):
            proxy.cut_before(STATEMENTS[number % len(STATEMENTS)])
            wait_for("a transaction is cut", lambda cuts=number: proxy.cuts > cuts)  # type: ignore[misc]
            time.sleep(PAUSE_SECONDS)
            injector.commit(CUT_ALL)
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    retried = count_in_logs(workers, RETRIED)
    assert retried + count_in_logs(workers, POSTPONED) >= CUTS
    figure(
        f"{CUTS} connections cut within a transaction and {CUTS} times all at once, "
        f"{len(traffic.accepted):,} trades: {retried} transactions tried again, none lost"
    )


def test_commits_whose_answers_are_lost_have_one_effect(
    postgresql_deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """If a commit's answer is lost, the next attempt finds its trades and captures none again."""
    deployment = postgresql_deployment
    proxy, workers, _injector = _start(deployment, history)
    with _traffic(deployment, history) as traffic:
        for number in range(LOST_COMMITS):
            proxy.lose_answers(COMMIT)
            wait_for("an answer is lost", lambda cuts=number: proxy.cuts > cuts)  # type: ignore[misc]
            time.sleep(PAUSE_SECONDS)
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    # A worker does not count the trades of a commit that it believes has failed.
    uncounted = len(traffic.accepted) - counted_captures(workers)
    assert uncounted >= LOST_COMMITS
    figure(
        f"{LOST_COMMITS} commits whose answer was lost, {len(traffic.accepted):,} trades: "
        f"{uncounted} had been written by them, each once"
    )


@pytest.mark.parametrize(("mode", "seconds"), [(Mode.REFUSE, 30.0), (Mode.BLACK_HOLE, 10.0)])
def test_while_the_database_is_away_trades_are_accepted_and_wait(
    postgresql_deployment: Deployment,
    history: History,
    figure: Callable[[str], None],
    mode: Mode,
    seconds: float,
) -> None:
    """While the database is away, APIs answer 202, partitions back off, and nothing is parked.

    Afterwards all trades are captured in order.
    """
    deployment = postgresql_deployment
    proxy, workers, _injector = _start(deployment, history)
    gateway, log = deployment.gateway(), history.log("fault injector")
    sender = of_apis(deployment.start_api("api").url)
    with Traffic(history, sender, partitions=40, trades_a_second=60) as traffic:
        time.sleep(CALM_SECONDS)
        proxy.become(mode)
        log.fault(FaultKind.CUT_OFF_DATABASE, mode)
        before = len(traffic.accepted)
        time.sleep(seconds)
        during, tries = len(traffic.accepted) - before, _most_tries(gateway)
        waiting = sum(row.waiting for row in gateway.inbox_reader.partitions())
        proxy.pass_on()
        log.fault(REPAIRED, mode)
        time.sleep(CALM_SECONDS)
    traffic.assert_clean()
    _assert_never_refused(history)
    assert waiting >= during > seconds
    assert_all_is_well(deployment, history)
    if mode is Mode.REFUSE:
        assert 2 <= tries <= MAX_TRIES
        assert count_in_logs(workers, POSTPONED)
    figure(
        f"database away for {seconds:.0f} s ({mode}): {during:,} trades accepted meanwhile, "
        + recovery_figure(deployment.gateway(), history)
    )


def test_while_sqlites_file_is_locked_trades_wait(
    sqlite_deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """While another program holds SQLite's write lock, trades are accepted and captured later."""
    deployment, seconds = sqlite_deployment, 10.0
    workers = _start_workers(deployment)
    log = history.log("fault injector")
    with _traffic(deployment, history) as traffic:
        time.sleep(CALM_SECONDS)
        with _locked(deployment.folder / "ledger.db"):
            log.fault(FaultKind.CUT_OFF_DATABASE, "locked")
            before = len(traffic.accepted)
            time.sleep(seconds)
            during = len(traffic.accepted) - before
            assert during > seconds
        log.fault(REPAIRED, "locked")
        time.sleep(CALM_SECONDS)
    traffic.assert_clean()
    _assert_never_refused(history)
    assert_all_is_well(deployment, history)
    assert count_in_logs(workers, POSTPONED)
    figure(
        f"SQLite's file locked for {seconds:.0f} s: {during:,} trades accepted meanwhile, "
        + recovery_figure(deployment.gateway(), history)
    )


def _start(
    deployment: Deployment, history: History
) -> tuple[Proxy, list[LocalWorker], FaultInjector]:
    """Start two workers behind a proxy, and make a fault injector for them."""
    proxy = deployment.proxy_postgresql()
    workers = _start_workers(deployment)
    log = history.log("fault injector")
    return proxy, workers, FaultInjector(deployment, workers, [], proxy, log)


def _start_workers(deployment: Deployment) -> list[LocalWorker]:
    workers = [
        deployment.start_worker(f"w{number}", batch_trades=SMALL_BATCH) for number in range(2)
    ]
    for worker in workers:
        worker.wait_ready()
    return workers


def _traffic(deployment: Deployment, history: History) -> Traffic:
    sender = of_gateway(deployment.gateway())
    return Traffic(history, sender, partitions=100, trades_a_call=10, trades_a_second=200)


def _most_tries(gateway: Gateway) -> int:
    """Return the maximum number of postponements in a row of any partition."""
    lanes = range(gateway.settings.lanes)
    tries = [gateway.redis.hvals(lane_keys(lane).tries) for lane in lanes]
    return max((int(number) for lane in tries for number in lane), default=0)


def _assert_never_refused(history: History) -> None:
    """Check that every answer was a receipt, so no client had to resend a trade."""
    answers = [event for event in history.events() if isinstance(event, Answered)]
    assert not [answer for answer in answers if answer.said is not Said.ACCEPTED]


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    """Let another process hold the write lock of an SQLite file."""
    command = [sys.executable, "-m", "tests.support.faults.programs.locking_writer", str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"locked\n"
        try:
            yield
        finally:
            other.stdin.close()
