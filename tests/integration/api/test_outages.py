"""Responses of the API while Redis or the database is away, and after they return."""

import re
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from redis import Redis

from tests.support.api.problems import check_unavailable
from tests.support.api.requests import BATCH, CAPTURE, JSON, RESPONSE_TIMEOUT_SECONDS, new_trade
from tests.support.api.servers import ApiServer, environment_of
from tradecapture.api.app import create_app
from tradecapture.local.servers.ports import free_port
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.server import LocalServerError, wait_until

RECOVERY_SECONDS = 20.0  # until the API uses a server again that has returned


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis server of this test only; the test starts it."""
    server = RedisServer(tmp_path / "redis", free_port())
    yield server
    server.stop()


def health_of(api: ApiServer) -> dict[str, Any]:
    """Check the status code of an API's health, and return the document."""
    response = httpx.get(f"{api.url}/api/v1/health", timeout=RESPONSE_TIMEOUT_SECONDS)
    health: dict[str, Any] = response.json()
    assert response.status_code == (200 if health["status"] == "UP" else 503)
    assert response.headers["x-correlation-id"]
    return health


def probes_of(api: ApiServer) -> dict[str, int]:
    """Return the status code of each probe."""
    return {
        probe: httpx.get(
            f"{api.url}/actuator/health/{probe}", timeout=RESPONSE_TIMEOUT_SECONDS
        ).status_code
        for probe in ("liveness", "readiness")
    }


def submit(api: ApiServer, body: bytes, path: str = CAPTURE) -> httpx.Response:
    """Submit a trade or a batch."""
    return httpx.post(api.url + path, content=body, headers=JSON, timeout=RESPONSE_TIMEOUT_SECONDS)


def test_redis_may_be_away_at_start_and_later(
    redis_server: RedisServer, sqlite_database: Path, tmp_path: Path
) -> None:
    """Without Redis the API is DOWN and answers 503 with Retry-After; afterwards it goes on."""
    database = shutil.copy(sqlite_database, tmp_path / "ledger.db")
    environment = environment_of(
        redis_url=redis_server.url, database_url=f"sqlite:///{database}", lanes="1"
    )
    with ApiServer(tmp_path, environment) as api:
        first, body = new_trade()
        check_unavailable(submit(api, body))
        check_unavailable(submit(api, b"[" + body + b"]", BATCH))
        health = health_of(api)
        assert health["components"]["redis"]["status"] == "DOWN"
        assert health["components"]["database"] == {"status": "UP"}
        management = httpx.get(f"{api.url}/actuator/health", timeout=RESPONSE_TIMEOUT_SECONDS)
        assert (management.status_code, management.json()) == (503, {"status": "DOWN"})
        assert probes_of(api) == {"liveness": 200, "readiness": 503}
        check_unavailable(httpx.get(f"{api.url}/api/v1/backlog", timeout=RESPONSE_TIMEOUT_SECONDS))

        redis_server.start()
        assert submit(api, body).status_code == 202
        assert health_of(api)["status"] == "UP"
        assert probes_of(api) == {"liveness": 200, "readiness": 200}

        redis_server.kill()
        second, other = new_trade()
        check_unavailable(submit(api, other))
        check_unavailable(
            httpx.get(f"{api.url}{CAPTURE}/{first}", timeout=RESPONSE_TIMEOUT_SECONDS)
        )

        redis_server.start()
        assert submit(api, other).status_code == 202
        for trade_id in (first, second):
            waiting = httpx.get(f"{api.url}{CAPTURE}/{trade_id}").json()
            assert waiting["status"] == "ACCEPTED"
        with Redis.from_url(redis_server.url) as redis:
            check_full_redis(api, redis)


def check_full_redis(api: ApiServer, redis: "Redis") -> None:
    """Check that a Redis without memory means 503, and that no trade of a batch is accepted."""
    redis.config_set("maxmemory", "1")
    problem = check_unavailable(submit(api, new_trade()[1]))
    assert "send it again" in problem["detail"]
    batch = b"[" + new_trade()[1] + b"," + new_trade()[1] + b"]"
    results = check_unavailable(submit(api, batch, BATCH))["results"]
    assert [result["code"] for result in results] == ["SERVICE_UNAVAILABLE"] * 2
    assert health_of(api)["status"] == "DOWN"
    assert probes_of(api) == {"liveness": 200, "readiness": 503}
    redis.config_set("maxmemory", "0")
    assert submit(api, batch, BATCH).json()["acceptedTrades"] == 2


def test_database_may_be_away_at_start(
    redis_server: RedisServer, sqlite_database: Path, tmp_path: Path
) -> None:
    """Without its database the API accepts trades, and answers 503 to status requests."""
    database = tmp_path / "later" / "ledger.db"
    redis_server.start()
    environment = environment_of(
        redis_url=redis_server.url, database_url=f"sqlite:///{database}", lanes="1"
    )
    with ApiServer(tmp_path, environment) as api:
        trade_id, body = new_trade()
        answer = submit(api, body)
        assert answer.status_code == 202
        for path in (f"{CAPTURE}/{trade_id}", answer.json()["statusUrl"]):
            check_unavailable(httpx.get(api.url + path, timeout=RESPONSE_TIMEOUT_SECONDS))
        waiting_response = httpx.post(
            api.url + CAPTURE, content=body, headers=JSON | {"Prefer": "wait=1"}, timeout=30
        )
        assert waiting_response.status_code == 202
        health = health_of(api)
        assert health["components"]["database"]["status"] == "DOWN"
        assert health["components"]["redis"] == {"status": "UP"}
        # Accepted trades wait safely, so a load balancer need not remove this process.
        assert probes_of(api) == {"liveness": 200, "readiness": 200}

        database.parent.mkdir()
        shutil.copy(sqlite_database, database)
        assert wait_until(lambda: health_of(api)["status"] == "UP", RECOVERY_SECONDS)
        assert httpx.get(f"{api.url}{CAPTURE}/{trade_id}").json()["status"] == "ACCEPTED"


def test_other_lane_count_does_not_start(redis_server: RedisServer, tmp_path: Path) -> None:
    """If the lane count differs from that in Redis, the API ends with a message, no traceback."""
    redis_server.start()
    with Redis.from_url(redis_server.url) as redis:
        redis.set("tc:lanes", 1)
    database_url = f"sqlite:///{tmp_path}/ledger.db"
    environment = environment_of(redis_url=redis_server.url, database_url=database_url, lanes="3")
    api = ApiServer(tmp_path, environment)
    with pytest.raises(LocalServerError):
        api.start()
    assert api.process.returncode == 1
    log = api.log.read_text()
    assert re.search(r"tradecapture api: TRADECAPTURE_LANES is 3, .* first used with 1 lane", log)
    assert "Traceback" not in log


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("LANES", "none", "LANES='none': give a whole number"),
        ("DATABASE_URL", "mysql://h/d", "DATABASE_URL names mysql"),
    ],
)
def test_unusable_setting_does_not_start(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, message: str
) -> None:
    """A setting that can never work ends the process, and the message names it."""
    monkeypatch.setenv(f"TRADECAPTURE_{variable}", value)
    with pytest.raises(SystemExit, match=f"tradecapture api: TRADECAPTURE_{message}"):
        create_app()


def test_termination_answers_what_is_under_way(
    redis_server: RedisServer, sqlite_database: Path, tmp_path: Path
) -> None:
    """On SIGTERM the API answers the request that it has begun, and then ends."""
    redis_server.start()
    environment = environment_of(
        redis_url=redis_server.url, database_url=f"sqlite:///{sqlite_database}", lanes="1"
    )
    _, body = new_trade()
    waiting_request: dict[str, Any] = {
        "content": body,
        "headers": JSON | {"Prefer": "wait=2"},
        "timeout": RESPONSE_TIMEOUT_SECONDS,
    }
    with ApiServer(tmp_path, environment) as api, ThreadPoolExecutor(1) as thread:
        request = thread.submit(httpx.post, api.url + CAPTURE, **waiting_request)
        with Redis.from_url(redis_server.url) as redis:
            assert wait_until(lambda: redis.keys("tc:*inbox:*") != [], RECOVERY_SECONDS)
        api.process.terminate()
        assert request.result().json()["status"] == "ACCEPTED"
        assert wait_until(lambda: api.process.poll() is not None, RECOVERY_SECONDS)
