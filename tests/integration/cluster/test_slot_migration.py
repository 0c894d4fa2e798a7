"""While a slot is half moved, its lane is refused and loses nothing, wherever its keys are."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from tests.support.builders import numbered, partition_of, submissions
from tests.support.inbox.redis_snapshot import claimed, trade_ids
from tests.support.servers.redis.cluster_servers import ClusterServers
from tests.support.servers.redis.slot_migration import moving
from tests.support.servers.settings import CONNECT_SECONDS
from tradecapture.inbox import Completion, Hold, Inbox, connect_redis
from tradecapture.inbox.keys import lane_keys
from tradecapture.settings import Settings
from tradecapture.trades.receipt import Receipt, Refusal

ONE, TWO, NEW = partition_of("B1"), partition_of("B2"), partition_of("B3")


@pytest.fixture
def redis(cluster_servers: ClusterServers) -> Iterator["Redis"]:
    """An empty cluster."""
    with connect_redis(cluster_servers.url, CONNECT_SECONDS) as redis:
        redis.flushall()
        yield redis


@pytest.fixture
def busy(redis: "Redis", settings: Settings) -> Inbox:
    """Lane 0 with every key that a script may declare: a hold, a retry, numbers, a bell."""
    inbox = Inbox(redis, replace(settings, backoff_seconds=0.001))
    inbox.accept([*submissions(3, "B1"), *submissions(2, "B2"), numbered(1, book="B1")])
    inbox.hold(TWO, Hold.halt("a reason"))
    claim = claimed(inbox)
    inbox.postpone(0, claim.token, claim.partition_keys, 0.0)
    assert redis.exists(lane_keys(0).bell) == 1
    # The keys of a promotion, which would take a test too long.
    redis.set(lane_keys(0).promoted, "0" * 39 + "1")
    redis.hset(lane_keys(0).began, "nobody", 1)
    return inbox


def _lane_wide(redis: "Redis") -> list[Any]:
    keys = lane_keys(0)
    names = [getattr(keys, name) for name in keys._fields if name != "prefix"]
    return [name for name in names if redis.exists(name)]


def _of_partitions(redis: "Redis") -> list[Any]:
    keys = lane_keys(0)
    return [keys.inbox(ONE), keys.inbox(TWO)]


@pytest.mark.parametrize("chosen", [_lane_wide, _of_partitions])
def test_no_script_runs_in_a_lane_that_is_on_two_nodes(
    busy: Inbox, cluster_servers: ClusterServers, chosen: Any
) -> None:
    """A script is refused before its first write. After the move the lane continues."""
    owner = cluster_servers.owner_of(0)
    other = next(node for node in cluster_servers.masters if node is not owner)
    redis = busy.redis
    first = chosen(redis)
    with moving(cluster_servers, 0, owner, other) as migration:
        migration.move(first)
        (old, new) = busy.accept([*submissions(1, "B1", 4), *submissions(1, "B3")]).answers
        assert isinstance(old, Refusal)
        assert isinstance(new, Refusal)
        with pytest.raises(RedisError):
            busy.claim(0, "owner", 0.0)
        with pytest.raises(RedisError):
            busy.unhold(TWO)
        with pytest.raises(RedisError):
            busy.claim_one(ONE, "ann", 1)
        assert busy.reserve_bells() == []
    try:
        (old, new) = busy.accept([*submissions(1, "B1", 4), *submissions(1, "B3")]).answers
        assert isinstance(old, Receipt)
        assert isinstance(new, Receipt)
        assert (old.position, new.position) == (5, 1)
        redis.delete(lane_keys(0).bell)
        assert busy.reserve_bells() == [0]
        claim = claimed(busy)
        assert trade_ids(claim) == [["B1-1", "B1-2", "B1-3", "N-1", "B1-4"], ["B3-1"]]
        assert busy.complete(0, claim.token, [Completion(ONE, 5), Completion(NEW, 1)]) == [True] * 2
        assert redis.llen(lane_keys(0).inbox(TWO)) == 2
    finally:
        with moving(cluster_servers, 0, other, owner):
            pass
