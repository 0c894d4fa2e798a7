"""Each safety guard of acceptance is needed: without it a submitter's trades are harmed.

Each test runs its steps with the guard and without it, as in `test_worker_guards.py`. Acceptance
runs in the submitter's process, which is the process of the test.
"""

from collections.abc import Sequence
from typing import Any

import pytest
from redis import Redis

from tests.support.faults.scenario import Scenario
from tests.support.inbox.mutation import mutate
from tradecapture.inbox import acceptance, scripts
from tradecapture.inbox.scripts import Call


def test_without_seen_a_resend_gets_another_receipt(
    sqlite_scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trade keeps its position when the Redis client repeats an acceptance whose answer is lost.

    Without the "seen" check the inbox gets the trade twice, and the repeated call returns another
    position. The ledger captures the trade only once even then.
    """
    scenario = sqlite_scenario
    proxy = scenario.deployment.proxy_redis()
    scenario.gateway = scenario.deployment.gateway()
    worker = scenario.start_worker("worker")
    scenario.begin()
    worker.go()

    def steps(book: str) -> list[str]:
        scenario.send(book, 1)  # loads the script into Redis
        proxy.lose_answers(scripts._SHA1["accept"].encode())
        scenario.send(book, 1)
        scenario.until_nothing_waits()
        return scenario.problems()

    assert steps("ARMED") == []
    mutate(monkeypatch, "accept", "if seen then", "if false then")
    problems = steps("DISARMED")
    assert proxy.cuts == 2
    expected = "wrong receipt: DISARMED-2, its receipt names 3, it stands at 2"
    assert expected in problems


def test_without_the_closing_of_partitions_a_trade_overtakes_a_refused_one(
    sqlite_scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a call has a trade refused, its later trades of the same partition are refused too.

    The partition is full at the second trade of the call and has room again at the third.
    """
    scenario = sqlite_scenario
    worker = scenario.start_worker("worker")
    scenario.begin()
    worker.go()
    # A call of many trades goes to Redis in parts; here each part is one trade.
    monkeypatch.setattr(acceptance, "MAX_CALL_TRADES", 1)
    scenario.gateway = scenario.deployment.gateway(limit_partition=1)
    parts: list[Sequence[Call]] = []

    def run_all(redis: "Redis", calls: Sequence[Call], safety: scripts.Safety) -> list[Any]:
        parts.append(calls)
        if len(parts) % 3 == 1:
            worker.rest()
        elif len(parts) % 3 == 0:
            worker.go()
            scenario.until_nothing_waits()
        return scripts.run_all(redis, calls, safety)

    monkeypatch.setattr(acceptance, "run_all", run_all)
    assert scenario.try_to_send("ARMED", 3) == [True, False, False]
    assert scenario.problems() == []
    mutate(monkeypatch, "accept", "closed[ARGV[i]] = 'closed'", "closed[ARGV[i]] = nil")
    assert scenario.try_to_send("DISARMED", 3) == [True, False, True]
    scenario.until_nothing_waits()
    expected = (
        "reordered: DISARMED-3, accepted, though DISARMED-2, before it in the same call, was not"
    )
    assert expected in scenario.problems()
