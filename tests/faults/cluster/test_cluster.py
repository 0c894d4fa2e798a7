"""A fleet on a Redis Cluster loses no trade while a node is away or slots move."""

import re
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus

import httpx
from redis import Redis

from tests.support.deployment.cluster_deployment import Books, ClusterDeployment
from tests.support.deployment.completion import DEADLINE_SECONDS, wait_for
from tests.support.deployment.invariants import assert_all_is_well
from tests.support.deployment.traffic.mixed_load import (
    assert_clean,
    mixed_load,
    refusals,
    start_two_workers,
    wait_for_more,
)
from tests.support.history.history import History
from tests.support.servers.redis.slot_migration import moving
from tradecapture.trades.receipt import Receipt, Refusal, RefusalCode

MOVED_LANES = 3
AWAY_SECONDS = 3.0  # longer than the other nodes need to detect that it has failed
STANDING_SECONDS = 1.0  # how long a slot stays half moved


def test_a_node_that_is_away_takes_its_own_lanes_only(
    deployment: ClusterDeployment, history: History, figure: Callable[[str], None]
) -> None:
    """A node that is away makes only its own lanes unavailable, and loses nothing.

    Trades of its lanes get 503; trades of other lanes are accepted and captured. Trades come over
    HTTP and in process. All keys of a lane are on one node. The cluster carries no bells, and the
    broker has no keys of an inbox.
    """
    start_two_workers(deployment)
    api, gateway = deployment.start_api("asked").url, deployment.gateway()
    books = Books(gateway, history)
    first, away, last = deployment.cluster.masters
    living = [*deployment.books_of(first), *deployment.books_of(last)]
    dead = deployment.books_of(away)
    with mixed_load(deployment, history) as traffics:
        wait_for_more(gateway)
        assert all(isinstance(answer, Receipt) for answer in books.send(living + dead))
        away.kill()
        killed_at = time.monotonic()
        slowest, rounds = 0.0, 0
        before = books.captured(living)
        while time.monotonic() - killed_at < AWAY_SECONDS:
            sent_at = time.monotonic()
            answers = books.send(living + dead)
            slowest, rounds = max(slowest, time.monotonic() - sent_at), rounds + 1
            is_accepted = [isinstance(answer, Receipt) for answer in answers]
            assert is_accepted == [True] * (3 * len(living)) + [False] * (3 * len(dead))
            refused = [answer for answer in answers if isinstance(answer, Refusal)]
            assert {answer.code for answer in refused} == {RefusalCode.UNAVAILABLE}
        assert httpx.get(f"{api}/actuator/health/readiness").status_code == HTTPStatus.OK
        wait_for(
            "the others are captured",
            lambda: books.captured(living) >= before + 3 * rounds * len(living),
        )
        assert refusals(history, over_http=True)
        back_at = time.monotonic()
        away.start()
        deployment.cluster.wait_until_whole()
        wait_for(
            "its lanes take trades again",
            lambda: all(isinstance(answer, Receipt) for answer in books.send(dead)),
        )
        back_after = time.monotonic() - back_at
        wait_for_more(gateway)
    assert_clean(traffics)
    assert_all_is_well(deployment, history)
    _assert_each_lane_is_on_one_node(deployment)
    figure(
        f"a cluster node away for {AWAY_SECONDS:g} s: {rounds} calls of all lanes, the slowest "
        f"{slowest:.2f} s, those of the others accepted; its own accepted again {back_after:.2f} s "
        "after its start"
    )


def _assert_each_lane_is_on_one_node(deployment: ClusterDeployment) -> None:
    nodes_of: dict[int, set[str]] = defaultdict(set)
    for node in deployment.cluster.masters:
        with node.redis() as redis:
            for key in redis.scan_iter(count=1000):
                lane = re.match(rb"tc:\{(\d+)\}:", key)
                assert lane, key
                nodes_of[int(lane[1])].add(node.name)
    assert sorted(nodes_of) == list(range(deployment.settings.lanes))
    assert all(len(nodes) == 1 for nodes in nodes_of.values())
    assert len(set.union(*nodes_of.values())) == len(deployment.cluster.masters)
    with Redis.from_url(deployment.settings.broker) as broker:
        assert [key for key in broker.scan_iter() if key.startswith(b"tc:")] == []


def test_lanes_whose_slots_move_under_load_lose_and_reorder_nothing(
    deployment: ClusterDeployment, history: History, figure: Callable[[str], None]
) -> None:
    """A lane takes no trades while its slot is half moved, and goes on at the new node."""
    start_two_workers(deployment)
    gateway, books = deployment.gateway(), Books(deployment.gateway(), history)
    source, target, _ = deployment.cluster.masters
    lanes = deployment.cluster.lanes_of(source, deployment.settings.lanes)[:MOVED_LANES]
    moved_books = deployment.books_of(source)[:MOVED_LANES]
    refused = moved = 0
    with mixed_load(deployment, history) as traffics:
        wait_for_more(gateway)
        for lane, book in zip(lanes, moved_books, strict=True):
            assert all(isinstance(answer, Receipt) for answer in books.send([book]))
            with moving(deployment.cluster, lane, source, target) as migration:
                migration.move_some()
                half_moved_until = time.monotonic() + STANDING_SECONDS
                while time.monotonic() < half_moved_until:
                    refused += not isinstance(books.send([book], each=1)[0], Receipt)
            moved += migration.moved
            wait_for(
                "the lane goes on",
                partial(_are_accepted, books, book),
            )
        wait_for_more(gateway)
    assert_clean(traffics)
    assert_all_is_well(deployment, history)
    assert refused > 0, "no trade came while a slot was half moved"
    with target.redis() as redis:
        target_lanes = {key.split(b":")[1] for key in redis.scan_iter(match="tc:{*", count=1000)}
    assert {b"{%d}" % lane for lane in lanes} <= target_lanes
    figure(
        f"{len(lanes)} lanes of {moved} keys moved to another node under load, each left half "
        f"moved for {STANDING_SECONDS:g} s: nothing lost or reordered"
    )


def _are_accepted(books: Books, *names: str) -> bool:
    return all(isinstance(answer, Receipt) for answer in books.send(names, each=1))


def test_a_replica_takes_over_the_lanes_of_a_node_killed_under_load(
    replicated_deployment: ClusterDeployment, history: History, figure: Callable[[str], None]
) -> None:
    """A replica takes over a killed node's lanes with every accepted trade and without an operator.

    Each trade was on the replica before it was accepted.
    """
    deployment = replicated_deployment
    deployment.settings = replace(deployment.settings, safe_replicas=1)
    start_two_workers(deployment)
    gateway = deployment.gateway()
    books, killed = Books(gateway, history), deployment.cluster.masters[0]
    killed_books = deployment.books_of(killed)
    others = [book for node in deployment.cluster.masters[1:] for book in deployment.books_of(node)]
    with mixed_load(deployment, history) as traffics:
        wait_for_more(gateway)
        assert all(isinstance(answer, Receipt) for answer in books.send(killed_books + others))
        killed.kill()
        killed_at = time.monotonic()
        while not deployment.cluster.replicas[0].is_master():
            assert all(isinstance(answer, Receipt) for answer in books.send(others, each=1))
            assert time.monotonic() - killed_at < DEADLINE_SECONDS
        taken_over_after = time.monotonic() - killed_at
        # A trade must be on two servers. The new master has no replica until the old one returns.
        assert not any(isinstance(answer, Receipt) for answer in books.send(killed_books, each=1))
        killed.start()
        deployment.cluster.wait_until_whole()
        wait_for("its lanes go on", partial(_are_accepted, books, *killed_books))
        wait_for_more(gateway)
    assert_clean(traffics)
    assert_all_is_well(deployment, history)
    figure(
        f"cluster node killed under load: its replica was the master {taken_over_after:.2f} s "
        "later, no trade lost"
    )
