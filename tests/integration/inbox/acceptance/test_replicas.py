"""Acknowledged replicas: a trade is answered as accepted only when so many replicas have it."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

from tests.support.builders import submission, submissions
from tests.support.deployment.completion import wait_for
from tradecapture.inbox import Inbox, connect_redis
from tradecapture.inbox.keys import lane_keys
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.settings import Settings
from tradecapture.trades.receipt import Answer, Receipt, Refusal, RefusalCode

ANSWER_SECONDS = 3.0


class Pair:
    """A master and its one replica."""

    def __init__(self, folder: Path) -> None:
        self.master, self.replica = RedisServer(folder / "m"), RedisServer(folder / "r")

    def follow(self) -> None:
        """Let the replica follow, and wait until it has everything."""
        host, port = self.master.url.removeprefix("redis://").removesuffix("/0").split(":")
        with connect_redis(self.replica.url, ANSWER_SECONDS) as redis:
            redis.replicaof(host, port)
            wait_for("the replica follows", lambda: _link(redis) == "up")

    def stop_replica(self) -> None:
        """Let the replica stand still; the master does not know it yet."""
        os.kill(self.replica.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        """Let the replica go on."""
        os.kill(self.replica.process.pid, signal.SIGCONT)


def _link(redis: "Redis") -> str:
    return str(redis.info("replication").get("master_link_status"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A master and a replica of this module's own."""
    pair = Pair(tmp_path_factory.mktemp("pair"))
    with pair.master, pair.replica:
        pair.follow()
        yield pair
        pair.go_on()


@pytest.fixture
def safe(pair: Pair, settings: Settings) -> Iterator[Inbox]:
    """The inboxes on an empty pair, one replica asked for."""
    own = replace(settings, redis_url=pair.master.url, safe_replicas=1, connect_seconds=1.0)
    with connect_redis(pair.master.url, ANSWER_SECONDS) as redis:
        pair.go_on()
        redis.flushall()
        assert redis.wait(1, 60_000) == 1
        yield Inbox(redis, own)
        pair.go_on()


def is_unavailable(answer: Answer) -> bool:
    """Return whether a trade is to be sent again."""
    return isinstance(answer, Refusal) and answer.code is RefusalCode.UNAVAILABLE


def test_a_trade_that_the_replica_has_is_accepted(safe: Inbox, pair: Pair) -> None:
    """When it is answered, it can be read there."""
    (answer,) = safe.accept([submission()]).answers
    assert isinstance(answer, Receipt)
    with connect_redis(pair.replica.url, ANSWER_SECONDS) as redis:
        assert redis.llen(lane_keys(0).inbox(answer.partition_key)) == 1


def test_a_trade_that_too_few_replicas_have_is_to_be_sent_again(safe: Inbox, pair: Pair) -> None:
    """The master has it, and says so; nothing is promised."""
    safe.accept(submissions(1, "B0"))  # the scripts are known
    pair.stop_replica()
    answers = safe.accept(submissions(3)).answers
    assert all(map(is_unavailable, answers))
    assert all("0 of 1 replicas" in answer.message for answer in answers)  # type: ignore[union-attr]
    assert all("did not store this trade safely" in answer.message for answer in answers)  # type: ignore[union-attr]


def test_a_resend_waits_for_the_replica_too(safe: Inbox, pair: Pair) -> None:
    """It finds its trade on the master and writes nothing: no promise either, until it is there."""
    safe.accept(submissions(1, "B0"))
    pair.stop_replica()
    assert is_unavailable(safe.accept([submission()]).answers[0])
    # Another process, whose connection has written nothing.
    with connect_redis(pair.master.url, ANSWER_SECONDS) as redis:
        other = Inbox(redis, safe._settings)
        assert is_unavailable(other.accept([submission()]).answers[0])
        pair.go_on()
        (answer,) = other.accept([submission()]).answers
    assert isinstance(answer, Receipt)
    assert (answer.position, answer.duplicate) == (1, True)


def test_a_server_that_does_not_know_the_scripts_waits_all_the_same(
    safe: Inbox, pair: Pair
) -> None:
    """The second round trip, in which the scripts are known, has a WAIT of its own."""
    safe.redis.script_flush()
    assert isinstance(safe.accept([submission()]).answers[0], Receipt)
    safe.redis.script_flush()
    pair.stop_replica()
    assert is_unavailable(safe.accept(submissions(1, "B7")).answers[0])


def test_a_master_that_must_have_a_replica_refuses_at_once(safe: Inbox, pair: Pair) -> None:
    """`min-replicas-to-write` holds for the scripts too: nothing is kept, no second is waited."""
    safe.redis.config_set("min-replicas-to-write", 2)
    try:
        (answer,) = safe.accept([submission()]).answers
        assert is_unavailable(answer)
        assert "NOREPLICAS" in answer.message  # type: ignore[union-attr]
    finally:
        safe.redis.config_set("min-replicas-to-write", 0)
    (answer,) = safe.accept([submission()]).answers
    assert isinstance(answer, Receipt)
    assert not answer.duplicate


def test_without_the_setting_nothing_is_asked(safe: Inbox, pair: Pair) -> None:
    """No WAIT, no write for it: the usual way costs what it did."""
    usual = Inbox(safe.redis, replace(safe._settings, safe_replicas=0))
    pair.stop_replica()
    before = safe.redis.info("commandstats").get("cmdstat_wait", {}).get("calls", 0)
    assert isinstance(usual.accept([submission()]).answers[0], Receipt)
    assert safe.redis.info("commandstats").get("cmdstat_wait", {}).get("calls", 0) == before
    assert not safe.redis.exists("tc:acknowledged")
