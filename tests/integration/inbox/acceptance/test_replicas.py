"""Safe replicas: a trade is accepted only when the given number of replicas has it."""

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

REPLY_TIMEOUT_SECONDS = 3.0


class Pair:
    """A master and its one replica."""

    def __init__(self, folder: Path) -> None:
        self.master, self.replica = RedisServer(folder / "m"), RedisServer(folder / "r")

    def follow(self) -> None:
        """Make the replica follow, and wait until it has everything."""
        host, port = self.master.url.removeprefix("redis://").removesuffix("/0").split(":")
        with connect_redis(self.replica.url, REPLY_TIMEOUT_SECONDS) as redis:
            redis.replicaof(host, port)
            wait_for("the replica follows", lambda: _link(redis) == "up")

    def stop_replica(self) -> None:
        """Freeze the replica; the master does not know it yet."""
        os.kill(self.replica.process.pid, signal.SIGSTOP)

    def resume_replica(self) -> None:
        """Let the replica run again."""
        os.kill(self.replica.process.pid, signal.SIGCONT)


def _link(redis: "Redis") -> str:
    return str(redis.info("replication").get("master_link_status"))


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """A master and a replica for this module."""
    pair = Pair(tmp_path_factory.mktemp("pair"))
    with pair.master, pair.replica:
        pair.follow()
        yield pair
        pair.resume_replica()


@pytest.fixture
def safe(pair: Pair, settings: Settings) -> Iterator[Inbox]:
    """The inboxes on an empty pair, with one safe replica."""
    own_settings = replace(
        settings, redis_url=pair.master.url, safe_replicas=1, connect_seconds=1.0
    )
    with connect_redis(pair.master.url, REPLY_TIMEOUT_SECONDS) as redis:
        pair.resume_replica()
        redis.flushall()
        assert redis.wait(1, 60_000) == 1
        yield Inbox(redis, own_settings)
        pair.resume_replica()


def is_unavailable(answer: Answer) -> bool:
    """Return whether the trade must be sent again."""
    return isinstance(answer, Refusal) and answer.code is RefusalCode.UNAVAILABLE


def test_a_trade_that_the_replica_has_is_accepted(safe: Inbox, pair: Pair) -> None:
    """When it is accepted, it can be read on the replica."""
    (answer,) = safe.accept([submission()]).answers
    assert isinstance(answer, Receipt)
    with connect_redis(pair.replica.url, REPLY_TIMEOUT_SECONDS) as redis:
        assert redis.llen(lane_keys(0).inbox(answer.partition_key)) == 1


def test_a_trade_that_too_few_replicas_have_must_be_sent_again(safe: Inbox, pair: Pair) -> None:
    """The refusal says that only the master may have it."""
    safe.accept(submissions(1, "B0"))  # loads the scripts
    pair.stop_replica()
    answers = safe.accept(submissions(3)).answers
    assert all(map(is_unavailable, answers))
    assert all("0 of 1 replicas" in answer.message for answer in answers)  # type: ignore[union-attr]
    assert all("did not store this trade safely" in answer.message for answer in answers)  # type: ignore[union-attr]


def test_a_resend_waits_for_the_replica_too(safe: Inbox, pair: Pair) -> None:
    """It finds its trade on the master and writes nothing, but waits for the replica too."""
    safe.accept(submissions(1, "B0"))
    pair.stop_replica()
    assert is_unavailable(safe.accept([submission()]).answers[0])
    # Another process, whose connection has written nothing.
    with connect_redis(pair.master.url, REPLY_TIMEOUT_SECONDS) as redis:
        other = Inbox(redis, safe._settings)
        assert is_unavailable(other.accept([submission()]).answers[0])
        pair.resume_replica()
        (answer,) = other.accept([submission()]).answers
    assert isinstance(answer, Receipt)
    assert (answer.position, answer.duplicate) == (1, True)


def test_a_server_that_does_not_know_the_scripts_waits_too(safe: Inbox, pair: Pair) -> None:
    """The second round trip, after the scripts are loaded, has its own WAIT."""
    safe.redis.script_flush()
    assert isinstance(safe.accept([submission()]).answers[0], Receipt)
    safe.redis.script_flush()
    pair.stop_replica()
    assert is_unavailable(safe.accept(submissions(1, "B7")).answers[0])


def test_a_master_that_must_have_a_replica_refuses_at_once(safe: Inbox, pair: Pair) -> None:
    """`min-replicas-to-write` applies to the scripts: nothing is kept, and nobody waits."""
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


def test_without_the_setting_nothing_waits(safe: Inbox, pair: Pair) -> None:
    """Acceptance then sends neither WAIT nor its extra write."""
    usual = Inbox(safe.redis, replace(safe._settings, safe_replicas=0))
    pair.stop_replica()
    before = safe.redis.info("commandstats").get("cmdstat_wait", {}).get("calls", 0)
    assert isinstance(usual.accept([submission()]).answers[0], Receipt)
    assert safe.redis.info("commandstats").get("cmdstat_wait", {}).get("calls", 0) == before
    assert not safe.redis.exists("tc:acknowledged")
