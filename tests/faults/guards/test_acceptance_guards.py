"""The safety devices of acceptance matter: without each, a submitter's trades come to harm.

Told twice, as in `test_devices.py`; these run in the submitter's process, which is this one.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from redis import Redis

from tests.support.faults.scenario import Scene
from tests.support.inbox.mutation import mutate
from tradecapture.inbox import acceptance, scripts
from tradecapture.inbox.scripts import Call


def test_without_seen_a_resend_gets_another_receipt(
    sqlite_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An acceptance whose answer is lost is sent again by the Redis client: still one place.

    Without it the trade would stand in its inbox twice; the ledger would still capture it once.
    """
    scene = sqlite_scene
    proxy = scene.deployment.proxy_redis()
    scene.gateway = scene.deployment.gateway()
    worker = scene.cast("worker")
    scene.begin()
    worker.go()

    def story(book: str) -> list[str]:
        scene.send(book, 1)  # tells Redis the script
        proxy.lose_answers(scripts._SHA1["accept"].encode())
        scene.send(book, 1)
        scene.until_nothing_waits()
        return scene.problems()

    assert story("ARMED") == []
    mutate(monkeypatch, "accept", "if seen then", "if false then")
    found = story("DISARMED")
    assert proxy.cuts == 2
    wrong = "wrong receipt: DISARMED-2, its receipt names 3, it stands at 2"
    assert wrong in found


def test_without_the_closing_of_partitions_a_trade_overtakes_a_refused_one(
    sqlite_scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partition was full at one trade of a call, and has room again at the next."""
    scene = sqlite_scene
    worker = scene.cast("worker")
    scene.begin()
    worker.go()
    # A call of many trades goes to Redis in parts; here each trade is one.
    monkeypatch.setattr(acceptance, "MAX_CALL_TRADES", 1)
    scene.gateway = scene.deployment.gateway(limit_partition=1)
    parts: list[Sequence[Call]] = []

    def run_all(redis: "Redis", calls: Sequence[Call], asked: scripts.Safety) -> list[Any]:
        parts.append(calls)
        if len(parts) % 3 == 1:
            worker.rest()
        elif len(parts) % 3 == 0:
            worker.go()
            scene.until_nothing_waits()
        return scripts.run_all(redis, calls, asked)

    monkeypatch.setattr(acceptance, "run_all", run_all)
    assert scene.try_to_send("ARMED", 3) == [True, False, False]
    assert scene.problems() == []
    mutate(monkeypatch, "accept", "closed[ARGV[i]] = 'closed'", "closed[ARGV[i]] = nil")
    assert scene.try_to_send("DISARMED", 3) == [True, False, True]
    scene.until_nothing_waits()
    late = "reordered: DISARMED-3, accepted, though DISARMED-2, before it in the same call, was not"
    assert late in scene.problems()
