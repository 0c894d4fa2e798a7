"""No trade is lost when APIs are killed and bells are lost or repeated."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

from tests.support.deployment.completion import wait_for, wait_until_nothing_waits
from tests.support.deployment.deployment import Deployment
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.traffic import Traffic, of_apis, of_gateway
from tests.support.history.event import Answered, Said
from tests.support.history.history import History
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.messages import queue_of

DYING_API = "tests.support.faults.programs.dying_api:create_app"
KILLS = 6
MAX_LIFE_SECONDS = 1.5  # the longest time that an API runs before it is killed
BELL_SECONDS = 1.0  # the sweep rings again after this time
RINGS = 100
STOLEN_BELLS = 50
POLL_INTERVAL_SECONDS = 0.002  # between two polls of the thief of bells; workers are about as fast


def test_an_api_killed_between_append_and_bell_leaves_its_trade_to_the_sweep(
    deployment: Deployment, history: History
) -> None:
    """A trade whose API dies before it rings stays in its inbox, and a resend gets its receipt.

    A worker's sweep finds the trade without a bell.
    """
    dying = deployment.start_api("dying", app=DYING_API)
    other = deployment.start_api("other")
    with Traffic(history, of_apis(dying.url, other.url), submitters=1, trades=1) as traffic:
        traffic.wait(30)
    traffic.assert_clean()
    assert dying.process.wait(10) < 0
    answers = [event.said for event in history.events() if isinstance(event, Answered)]
    assert answers == [Said.UNKNOWN, Said.ACCEPTED]
    gateway = deployment.gateway()
    assert [row.waiting for row in gateway.inbox_reader.partitions()] == [1]
    assert _bells(gateway) == 0
    deployment.start_worker("w").wait_ready()
    assert_all_is_well(deployment, history)


def test_apis_killed_under_load_lose_and_double_nothing(
    deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """Clients that resend to another API get each trade captured once, although APIs are killed."""
    deployment.start_worker("w").wait_ready()
    apis = [deployment.start_api(f"api{number}") for number in range(2)]
    random, log, restarts = Random(7), history.log("killer"), []
    with Traffic(history, of_apis(*(api.url for api in apis)), submitters=6) as traffic:
        for number in range(KILLS):
            time.sleep(random.uniform(0, MAX_LIFE_SECONDS))
            api = apis[number % 2]
            api.kill()
            log.fault("kill", api.name)
            killed_at = time.monotonic()
            api.start()
            restarts.append(time.monotonic() - killed_at)
    stopped_at = time.monotonic()
    traffic.assert_clean()
    wait_until_nothing_waits(deployment.gateway())
    drained_in = time.monotonic() - stopped_at
    assert_all_is_well(deployment, history)
    answers = [event.said for event in history.events() if isinstance(event, Answered)]
    assert Said.UNKNOWN in answers, "no request was under way at any kill"
    figure(
        f"{KILLS} API kills, {len(traffic.accepted):,} trades, {answers.count(Said.UNKNOWN)} sent "
        f"again; API back in {max(restarts):.1f} s at most, all captured {drained_in:.2f} s after "
        f"the last trade, {deployment.database}"
    )


def test_stolen_bells_are_rung_again(
    deployment: Deployment, history: History, figure: Callable[[str], None]
) -> None:
    """The sweep rings again for bells that vanish from their queues, so no trade waits forever."""
    gateway = deployment.gateway(bell_seconds=BELL_SECONDS)
    sender = of_gateway(gateway)
    with _thief(gateway) as stolen:
        with Traffic(history, sender, trades_a_call=10, trades_a_second=300) as traffic:
            # Until the worker is ready, it cannot take a bell before the thief does.
            deployment.start_worker("w", bell_seconds=BELL_SECONDS).wait_ready()
            wait_for("bells are stolen", lambda: len(stolen) >= STOLEN_BELLS)
        traffic.assert_clean()
    stopped_at = time.monotonic()
    wait_until_nothing_waits(gateway)
    figure(
        f"{len(stolen)} bells stolen: all captured {time.monotonic() - stopped_at:.2f} s after "
        f"the last theft (a bell counts for {BELL_SECONDS:g} s), {deployment.database}"
    )
    assert_all_is_well(deployment, history)


def test_bells_rung_a_hundred_times_capture_each_trade_once(
    deployment: Deployment, history: History
) -> None:
    """Repeated bells change nothing, because a bell only tells a worker to check its lane."""
    for number in range(2):
        deployment.start_worker(f"w{number}", concurrency=2, batch_trades=10).wait_ready()
    gateway = deployment.gateway()
    with Traffic(history, of_gateway(gateway), trades_a_call=20, trades_a_second=500) as traffic:
        for _ in range(RINGS):
            gateway.bell.ring(range(gateway.settings.lanes))
    traffic.assert_clean()
    assert_all_is_well(deployment, history)


@contextmanager
def _thief(gateway: Gateway) -> Iterator[list[int]]:
    """Take bells off their queues; yield the lanes whose bells were taken so far."""
    stolen: list[int] = []
    stopping = threading.Event()

    def steal() -> None:
        lanes = range(gateway.settings.lanes)
        while not stopping.wait(POLL_INTERVAL_SECONDS):
            pipeline = gateway.redis.pipeline(transaction=False)
            for lane in lanes:
                pipeline.lpop(queue_of(lane))
            taken = zip(lanes, pipeline.execute(), strict=True)
            stolen.extend(lane for lane, bell in taken if bell is not None)

    thread = threading.Thread(target=steal)
    thread.start()
    try:
        yield stolen
    finally:
        stopping.set()
        thread.join()


def _bells(gateway: Gateway) -> int:
    """Return how many bells wait in the queues of all lanes."""
    return sum(gateway.redis.llen(queue_of(lane)) for lane in range(gateway.settings.lanes))
