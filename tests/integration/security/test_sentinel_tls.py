"""Sentinels over TLS with their own login: every part uses them, and refuses other servers."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from tests.support.api.secrets import assert_no_secret
from tests.support.api.servers import environment_of
from tests.support.builders import submission, submissions
from tests.support.cli.shell import Run
from tests.support.deployment.completion import wait_for, wait_until_nothing_waits
from tests.support.inbox.redis_snapshot import claimed
from tests.support.servers.flower import Flower
from tests.support.servers.redis.tls_sentinels import ACCESS, TlsSentinels
from tradecapture import Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.capture.messages import queue_of
from tradecapture.connections.brokers.app import sending_app
from tradecapture.connections.urls import SentinelAccess
from tradecapture.doctor.finding import Level
from tradecapture.doctor.redis_server import check_redis
from tradecapture.inbox import Completion, connect_redis
from tradecapture.local.servers.worker import LocalWorker
from tradecapture.trades.receipt import Receipt

CONNECT_SECONDS = 3.0
RESPONSE_TIMEOUT_SECONDS = 10.0  # the inspection ends with the reply of its worker
LOGIN: dict[str, Any] = {
    "sentinel_master": ACCESS.master,
    "sentinel_username": ACCESS.username,
    "sentinel_password": ACCESS.password,
}


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsSentinels]:
    """Sentinels and servers that the tests of this module share and do not change."""
    with TlsSentinels(tmp_path_factory.mktemp("sentinels") / "all") as running:
        yield running


def settings_of(sentinels: TlsSentinels, database_url: str = "sqlite://") -> Settings:
    """Return the settings of a deployment behind the sentinels."""
    return Settings(redis_url=sentinels.url(), database_url=database_url, lanes=1, **LOGIN)


def test_inboxes_and_bells_go_through(sentinels: TlsSentinels) -> None:
    """Trades are accepted, rung for and completed with a sentinel user of few rights."""
    settings = settings_of(sentinels)
    with closing(Gateway(settings)) as gateway, sentinels.servers[0].redis() as redis:
        answers = gateway.accept(submissions(3))
        assert all(isinstance(answer, Receipt) for answer in answers), answers
        assert redis.llen(queue_of(0)) == 1
        claim = claimed(gateway.inbox)
        assert gateway.inbox.complete(0, claim.token, [Completion(claim.partition_keys[0], 3)]) == [
            True
        ]
        assert [row.waiting for row in gateway.inbox_reader.partitions()] == [0]
        assert_no_secret("repr", f"{settings!r} {settings.sentinels!r} {gateway.redis!r}")
        broker_options = gateway.bell._app.connection().info()["transport_options"]
        assert_no_secret("the broker's options", repr(broker_options))


WRONG_LOGIN = replace(ACCESS, password="hunter2-wrong")
REFUSED = "refuses the login of TRADECAPTURE_SENTINEL_PASSWORD"


@pytest.mark.parametrize(
    ("host", "options", "access", "why"),
    [
        ("127.0.0.1", {"ssl_ca_certs": "{other}"}, ACCESS, "certificate verify failed"),
        ("localhost", {}, ACCESS, "not valid for 'localhost'"),
        ("127.0.0.1", {"ssl_certfile": "", "ssl_keyfile": ""}, ACCESS, None),
        ("127.0.0.1", {}, WRONG_LOGIN, REFUSED),
    ],
    ids=[
        "another authority",
        "another host",
        "no certificate of the client's",
        "a wrong login",
    ],
)
def test_what_is_not_right_is_refused(
    sentinels: TlsSentinels,
    tmp_path: Path,
    host: str,
    options: dict[str, str],
    access: SentinelAccess,
    why: str | None,
) -> None:
    """A wrong certificate or login is refused, with a short reason and no password."""
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    url = sentinels.url(
        host, **{name: value.format(other=other) for name, value in options.items()}
    )
    with (
        connect_redis(url, CONNECT_SECONDS, access) as redis,
        pytest.raises(RedisError, match=why) as inboxes,
    ):
        redis.ping()
    with (
        sending_app(url, CONNECT_SECONDS, access).connection_for_write() as connection,
        pytest.raises(OperationalError, match=why) as bells,
    ):
        connection.ensure_connection(max_retries=1, interval_start=0)
    for error in (inboxes, bells):
        assert len(str(error.value)) < 1_000
        assert_no_secret("the error", str(error.value))


def test_the_hosts_name_need_not_match_if_so_told(sentinels: TlsSentinels) -> None:
    """`ssl_check_hostname=false` applies to the sentinels and to the servers that they name."""
    url = sentinels.url("localhost", ssl_check_hostname="false")
    with connect_redis(url, CONNECT_SECONDS, ACCESS) as redis:
        assert redis.ping()


def test_doctor_finds_all_in_order(sentinels: TlsSentinels) -> None:
    """`doctor` asks every sentinel over TLS with the login, and finds the master's replica."""
    findings = {finding.subject: finding for finding in check_redis(settings_of(sentinels))}
    assert findings["Redis sentinels"].level is Level.OK
    assert findings["Redis sentinels"].message == "3 named, 3 answer"
    assert findings["Redis replicas"].message.startswith("1 online")


def test_doctor_tells_a_refused_login_by_its_setting(sentinels: TlsSentinels, run: Run) -> None:
    """`doctor` names the setting of a refused sentinel login, and shows no password."""
    result = run(
        "doctor",
        REDIS_URL=sentinels.url(),
        **{name.upper(): value for name, value in LOGIN.items()}
        | {"SENTINEL_PASSWORD": WRONG_LOGIN.password},
    )
    assert result.exit_code == 1
    output = " ".join(result.output.split())
    assert "FAIL │ Redis sentinels │ 3 named, 0 answer" in output
    assert "TRADECAPTURE_SENTINEL_PASSWORD is the `requirepass`" in output
    assert_no_secret("doctor", result.output)


@pytest.mark.workers
def test_a_fleet_goes_on_after_a_failover(ledger_url: str, tmp_path: Path) -> None:
    """After a failover the fleet finds the new master and captures on; no log has a password."""
    with ExitStack() as stack:
        sentinels = stack.enter_context(TlsSentinels(tmp_path / "sentinels"))
        settings = settings_of(sentinels, ledger_url)
        environment = environment_of(
            redis_url=settings.redis_url, database_url=ledger_url, lanes="1", **LOGIN
        )
        worker = LocalWorker("w", tmp_path / "w.log", environment)
        stack.callback(worker.kill)
        worker.start()
        flower = stack.enter_context(Flower(tmp_path / "flower.log", environment))
        gateway = stack.enter_context(closing(Gateway(settings)))
        gateway.accept(submissions(5))
        wait_until_nothing_waits(gateway)
        assert flower.queues()
        control = sending_app(settings.broker, settings.connect_seconds, settings.sentinels).control
        inspect = control.inspect([f"w@{socket.gethostname()}"], timeout=RESPONSE_TIMEOUT_SECONDS)
        for inspection in (inspect.stats, lambda: inspect.conf(with_defaults=True)):
            reply = str(inspection())
            assert ACCESS.master in reply
            assert_no_secret("celery inspect", reply)
        master, replica = sentinels.servers
        master.kill()
        wait_for("the replica takes over", replica.is_master)

        def accepted() -> bool:
            return isinstance(gateway.accept([submission(trade_id="AFTER")])[0], Receipt)

        wait_for("a trade is accepted again", accepted)
        wait_until_nothing_waits(gateway)
        assert gateway.ledger.outcomes(["AFTER"]) == {"AFTER": "CAPTURED"}
        for log in tmp_path.glob("*.log"):
            assert_no_secret(log.name, log.read_text())
        assert "insecure SSL" not in worker.log.read_text()
