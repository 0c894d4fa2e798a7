"""The rights of the Redis user in docs/security.md: enough for the fleet, and no more."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest
from redis import Redis
from redis.exceptions import NoPermissionError

from tests.support import ROOT
from tests.support.api.servers import ApiServer, environment_of
from tests.support.builders import PARTITION, submissions, trade_json
from tests.support.cli.shell import Run
from tests.support.deployment.completion import wait_until_nothing_waits
from tests.support.servers.flower import Flower
from tradecapture import Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import connect_redis
from tradecapture.inbox.hold import Hold
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.worker import LocalWorker

PASSWORD = "fleets-own"
CONNECT_SECONDS = 3.0
RESPONSE_TIMEOUT_SECONDS = 10.0  # on a machine that is busy with other tests
COMMANDS = (["partitions"], ["trade", "BOOK1-1"], ["reconcile"], ["doctor"])

FORBIDDEN = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("KEYS", "*"),
    ("CONFIG", "SET", "appendonly", "no"),
    ("CONFIG", "GET", "requirepass"),
    ("SHUTDOWN", "NOSAVE"),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("ACL", "WHOAMI"),
    ("DEBUG", "SLEEP", "0"),
    ("MODULE", "LIST"),
    ("SCRIPT", "FLUSH"),
    ("SAVE",),
    ("MONITOR",),
    ("MIGRATE", "127.0.0.1", "1", "tc:lanes", "0", "1"),
    ("SET", "somebody-elses", "1"),
    ("GET", "somebody-elses"),
    ("PUBLISH", "somebody-elses", "1"),
)


def documented_rights() -> list[str]:
    """Return the rights that docs/security.md gives to the fleet's user, one word each."""
    text = (ROOT / "docs" / "security.md").read_text()
    block = re.search(r"^ACL SETUSER tradecapture reset on >PASSWORD (.*?)^```", text, re.S | re.M)
    assert block is not None
    return block[1].replace("\\", " ").split()


@pytest.fixture
def administrator(tmp_path: Path) -> Iterator["Redis"]:
    """An administrator's connection to a Redis whose only other user is the fleet's."""
    with (
        RedisServer(tmp_path / "redis") as server,
        connect_redis(server.url, CONNECT_SECONDS) as redis,
    ):
        rights = documented_rights()
        redis.execute_command(
            "ACL", "SETUSER", "tradecapture", "reset", "on", f">{PASSWORD}", *rights
        )
        yield redis


@pytest.fixture
def fleets_url(administrator: "Redis") -> str:
    """The Redis URL with the login of the fleet's user."""
    port = administrator.connection_pool.connection_kwargs["port"]
    return f"redis://tradecapture:{PASSWORD}@127.0.0.1:{port}/0"


@pytest.mark.workers
def test_the_documented_rights_are_enough_for_the_whole_path(
    administrator: "Redis", fleets_url: str, ledger_url: str, run: Run, tmp_path: Path
) -> None:
    """Redis refuses nothing that the fleet, its API, Flower and its commands do."""
    environment = environment_of(redis_url=fleets_url, database_url=ledger_url)
    with ExitStack() as stack:
        worker = LocalWorker("w", tmp_path / "w.log", environment)
        stack.callback(worker.kill)
        worker.start()
        api = stack.enter_context(ApiServer(tmp_path / "api", environment))
        flower = stack.enter_context(Flower(tmp_path / "flower.log", environment))
        settings = Settings(redis_url=fleets_url, database_url=ledger_url)
        gateway = stack.enter_context(closing(Gateway(settings)))

        gateway.inbox.hold(PARTITION, Hold.by_operator("operator", "a reason"))
        gateway.accept(submissions(5))
        gateway.bell.ring(gateway.inbox.unhold(PARTITION))
        batch = b"\n".join(trade_json(tradeId=f"BATCH-{n}") for n in range(5))
        headers = {"Content-Type": "application/x-ndjson"}
        base = f"{api.url}/api/v1"
        answer = httpx.post(
            f"{base}/trades/capture/batch",
            content=batch,
            headers=headers,
            timeout=RESPONSE_TIMEOUT_SECONDS,
        )
        job = httpx.get(api.url + answer.json()["statusUrl"], timeout=RESPONSE_TIMEOUT_SECONDS)
        assert job.status_code == 200
        assert (
            httpx.get(f"{base}/health", timeout=RESPONSE_TIMEOUT_SECONDS).json()["status"] == "UP"
        )
        wait_until_nothing_waits(gateway)
        gateway.inbox.reserve_bells()

        app = sending_app(fleets_url, CONNECT_SECONDS)
        assert app.control.inspect(timeout=RESPONSE_TIMEOUT_SECONDS, limit=1).stats()
        assert flower.queues() is not None
        for command in COMMANDS:
            result = run(*command, REDIS_URL=fleets_url, DATABASE_URL=ledger_url, LANES=None)
            assert result.exit_code == 0, result.output
        time.sleep(settings.sweep_seconds)  # one more sweep of the worker
        worker.stop()  # returns the messages that it has not finished
    refusals = {entry["object"] for entry in administrator.acl_log()}
    # `doctor` tries CONFIG and works without it: CONFIG would reveal the administrator's password.
    assert {str(name).partition("|")[0] for name in refusals} <= {"config"}


def test_the_documented_rights_are_not_more(administrator: "Redis", fleets_url: str) -> None:
    """The user cannot stop, configure or empty Redis, or use keys that are not the fleet's."""
    administrator.set("somebody-elses", "0")
    with connect_redis(fleets_url, CONNECT_SECONDS) as redis:
        assert redis.ping()
        assert redis.wait(0, 1) == 0  # the right to wait for replicas; this Redis has none
        for words in FORBIDDEN:
            with pytest.raises(NoPermissionError):
                redis.execute_command(*words)
    assert administrator.get("somebody-elses") == b"0"
