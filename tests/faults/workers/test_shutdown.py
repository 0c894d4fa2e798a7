"""Workers and APIs can be stopped and restarted under load without losing trades."""

import signal
import time
from collections.abc import Callable, Sequence

import psutil

from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.traffic import Traffic, of_apis, of_gateway
from tests.support.history.event import Answered, Said
from tests.support.history.history import History
from tradecapture.capture.gateway import Gateway
from tradecapture.local.servers.worker import LocalWorker

# Celery 5.7 documents: SIGTERM lets tasks end. SIGQUIT gives them worker_soft_shutdown_timeout; a
# second SIGQUIT cancels them, and a third one ends the worker at once.
WARM, SOFT = (signal.SIGTERM,), (signal.SIGTERM, signal.SIGQUIT)
COLD = (signal.SIGQUIT, signal.SIGQUIT, signal.SIGQUIT)
BETWEEN_SIGNALS_SECONDS = 0.05
# The maximum time for a worker to end. A soft shutdown takes 10 s. Sometimes a pool process waits
# 30 s more (billiard's limit) for the main process to read its last result; it has no claim then.
END_SECONDS = 60.0
SMALL_BATCH = 20  # trades, so that a worker always has a claim


def test_warm_soft_and_cold_shutdown_under_load(
    deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """Every trade is captured once and in order, whichever way a worker is shut down."""
    shutdowns = {"warm": WARM, "soft": SOFT, "cold": COLD}
    workers = {
        name: deployment.start_worker(
            name, concurrency=2, batch_trades=SMALL_BATCH, lease_seconds=1
        )
        for name in (*shutdowns, "other")
    }
    for worker in workers.values():
        worker.wait_ready()
    gateway, log = deployment.gateway(), history.log("operator")
    sender = of_gateway(deployment.gateway())
    durations = {}
    with Traffic(history, sender, trades_a_call=20, trades_a_second=1_500) as traffic:
        for name, signals in shutdowns.items():
            _wait_for_more(gateway, 1_000)
            log.fault(f"{name} shutdown", name)
            durations[name] = _stop(gateway, workers[name], signals)
    traffic.assert_clean()
    assert workers["warm"].process.returncode == 0
    assert_all_is_well(deployment, history)
    seconds = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in durations.items())
    figure(f"shutdown under load: {seconds}, {deployment.database}")


def test_a_rolling_restart_shows_clients_nothing(
    postgresql_deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """Clients that send again see no error while each worker and each API restarts in turn."""
    deployment = postgresql_deployment
    workers = [deployment.start_worker(f"w{number}") for number in range(2)]
    apis = [deployment.start_api(f"api{number}") for number in range(2)]
    for worker in workers:
        worker.wait_ready()
    log = history.log("operator")
    sender = of_apis(*(api.url for api in apis))
    with Traffic(history, sender, trades_a_second=200) as traffic:
        for server in (*workers, *apis):
            time.sleep(1)
            log.fault("restart", server.name)
            server.restart()
        time.sleep(1)
    traffic.assert_clean()
    assert_all_is_well(deployment, history)
    answers = [event for event in history.events() if isinstance(event, Answered)]
    resent = [event.detail for event in answers if event.said is Said.UNKNOWN]
    assert not [detail for detail in resent if not _is_retried(detail)]
    figure(
        f"rolling restart of 2 workers and 2 APIs: {len(answers):,} requests, {len(resent)} "
        "of them met a refused or closed connection or 503, and were sent again"
    )


def _wait_for_more(gateway: Gateway, trades: int) -> None:
    """Wait until some more trades are captured."""
    enough = _captured(gateway) + trades
    wait_for("more trades are captured", lambda: _captured(gateway) >= enough)


def _captured(gateway: Gateway) -> int:
    return sum(row.last_sequence for row in gateway.ledger.partitions())


def _stop(gateway: Gateway, worker: LocalWorker, signals: Sequence[signal.Signals]) -> float:
    """Send signals until the worker ends; return how long it took, in seconds.

    A warm shutdown must leave no lease.
    """
    children = psutil.Process(worker.process.pid).children()
    started = time.monotonic()
    for number in signals:
        worker.process.send_signal(number)
        time.sleep(BETWEEN_SIGNALS_SECONDS)
    worker.process.wait(END_SECONDS)
    seconds = time.monotonic() - started
    if signals == WARM:
        owners = [row.owner or "" for row in gateway.inbox_reader.partitions()]
        assert not [o for o in owners if any(f"-{child.pid}:" in o for child in children)]
    wait_for("its pool ends", lambda: not any(child.is_running() for child in children))
    return seconds


def _is_retried(detail: str) -> bool:
    """Return whether a client sends again after this answer.

    It does after a 503 and a refused connection. It also does when the API has closed an idle
    connection just as the client used it again, which HTTP/1.1 cannot prevent (RFC 9112, 9.5).
    """
    closed = ("ConnectError", "ReadError", "RemoteProtocolError: Server disconnected without")
    return detail.startswith(closed) or '"status":503' in detail
