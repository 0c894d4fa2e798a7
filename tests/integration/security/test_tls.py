"""TLS and passwords: a URL is enough for every part, and each refuses a wrong server."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx
import pytest
import trustme
from kombu.exceptions import OperationalError
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy.exc import OperationalError as DatabaseError

from tests.support.api.servers import ApiServer, environment_of
from tests.support.builders import submissions, trade_json
from tests.support.cli.shell import Run
from tests.support.deployment.completion import wait_until_nothing_waits
from tests.support.servers.flower import Flower
from tests.support.servers.proxies.tls_proxy import TlsProxy
from tradecapture import Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.connections.brokers.app import sending_app
from tradecapture.inbox import connect_redis
from tradecapture.ledger import upgrade
from tradecapture.ledger.engine import open_engine
from tradecapture.local.servers.ports import LOOPBACK
from tradecapture.local.servers.postgresql_server import PostgresqlServer
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.worker import LocalWorker

PASSWORD = "p@ss/w:rd?#%"
ENCODED = "p%40ss%2Fw%3Ard%3F%23%25"  # as a URL encodes it
CONNECT_SECONDS = 3.0
ROLE = "tls_desk"

UrlOf = Callable[[str], str]


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """The authority whose certificates the tests trust."""
    return trustme.CA()


@pytest.fixture(scope="module")
def trusted(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the certificate of the trusted authority."""
    return _certificate_file(authority, tmp_path_factory.mktemp("trusted"))


@pytest.fixture(scope="module")
def redis_behind_tls(
    authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsProxy]:
    """A Redis with a password, reached over TLS."""
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        with connect_redis(server.url, CONNECT_SECONDS) as redis:
            redis.config_set("requirepass", PASSWORD)
        port = int(server.url.rsplit(":", 1)[1].partition("/")[0])
        with TlsProxy(authority.issue_cert("localhost"), (LOOPBACK, port)) as proxy:
            yield proxy


@pytest.fixture
def redis_url(redis_behind_tls: TlsProxy) -> UrlOf:
    """Return a function that returns the URL of that Redis with the given TLS options."""

    def url_of(options: str) -> str:
        return f"rediss://:{ENCODED}@localhost:{redis_behind_tls.port}/0{options}"

    return url_of


@pytest.fixture
def postgresql_behind_tls(
    authority: trustme.CA, postgresql_server: PostgresqlServer
) -> Iterator[TlsProxy]:
    """A PostgreSQL that asks for a password (SCRAM), reached over TLS."""
    settings = Settings(database_url=postgresql_server.url, connect_seconds=CONNECT_SECONDS)
    with (
        open_engine(settings) as (engine, _dialect),
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
    ):
        file = Path(connection.exec_driver_sql("SHOW hba_file").scalar_one())
        if ROLE not in file.read_text():
            quoted = PASSWORD.replace("%", "%%")
            connection.exec_driver_sql(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{quoted}'")
            connection.exec_driver_sql(f"CREATE DATABASE {ROLE} OWNER {ROLE}")
            file.write_text(f"local all {ROLE} scram-sha-256\n{file.read_text()}")
            connection.exec_driver_sql("SELECT pg_reload_conf()")
        sockets = connection.exec_driver_sql("SHOW unix_socket_directories").scalar_one()
    with TlsProxy(
        authority.issue_cert("localhost"), f"{sockets}/.s.PGSQL.5432", asked=True
    ) as proxy:
        yield proxy


@pytest.mark.workers
def test_a_whole_fleet_runs_on_redis_with_tls_and_a_password(
    redis_url: UrlOf, trusted: Path, ledger_url: str, tmp_path: Path
) -> None:
    """Client, API, worker, bells and Flower run on Redis with TLS, given only its URL."""
    url = redis_url(f"?ssl_ca_certs={trusted}")
    environment = environment_of(redis_url=url, database_url=ledger_url)
    settings = Settings(redis_url=url, database_url=ledger_url)
    with ExitStack() as stack:
        worker = LocalWorker("w", tmp_path / "w.log", environment)
        stack.callback(worker.kill)
        worker.start()
        api = stack.enter_context(ApiServer(tmp_path / "api", environment))
        flower = stack.enter_context(Flower(tmp_path / "flower.log", environment))
        gateway = stack.enter_context(closing(Gateway(settings)))
        answers = gateway.accept(submissions(20))
        assert {answer.trade_id for answer in answers} == {f"BOOK1-{n}" for n in range(1, 21)}
        answer = httpx.post(
            f"{api.url}/api/v1/trades/capture",
            content=trade_json(tradeId="HTTP"),
            headers={"Content-Type": "application/json", "Prefer": "wait=20"},
            timeout=30,
        )
        assert answer.status_code in (200, 202), answer.text
        wait_until_nothing_waits(gateway)
        assert gateway.ledger.outcomes(["HTTP", "BOOK1-20"]) == {
            "HTTP": "CAPTURED",
            "BOOK1-20": "CAPTURED",
        }
        assert httpx.get(f"{api.url}/api/v1/health", timeout=10).json()["status"] == "UP"
        assert httpx.get(f"{flower.url}/broker", timeout=10).status_code == 200
        assert flower.queues() is not None
        log = worker.log.read_text()
        assert "insecure SSL" not in log
        assert "not sent" not in log


@pytest.mark.parametrize(
    ("options", "why"),
    [("", "certificate verify failed"), ("?ssl_ca_certs={other}", "certificate verify failed")],
    ids=["no authority named", "another authority"],
)
def test_a_server_that_cannot_prove_who_it_is_gets_no_password(
    redis_url: UrlOf, options: str, why: str, run: Run, tmp_path: Path
) -> None:
    """Client, bells and commands refuse an unverified server; kombu by default would not."""
    other = _certificate_file(trustme.CA(), tmp_path)
    url = redis_url(options.format(other=other))
    with (
        connect_redis(url, CONNECT_SECONDS) as redis,
        pytest.raises(RedisConnectionError, match=why),
    ):
        redis.ping()
    with (
        sending_app(url, CONNECT_SECONDS).connection_for_write() as connection,
        pytest.raises(OperationalError, match=why),
    ):
        connection.ensure_connection(max_retries=1, reraise_as_library_errors=True)
    for command in (["partitions"], ["doctor"]):
        result = run(*command, REDIS_URL=url)
        assert result.exit_code in (1, 3)
        assert "certificate" in result.output


def test_the_certificate_must_name_the_host_unless_told_otherwise(
    authority: trustme.CA, redis_behind_tls: TlsProxy, trusted: Path
) -> None:
    """A certificate of another host is refused, unless one of two options allows it."""
    url = f"rediss://:{ENCODED}@{LOOPBACK}:{redis_behind_tls.port}/0?ssl_ca_certs={trusted}"
    for options, accepted in (
        ("", False),
        ("&ssl_check_hostname=false", True),
        ("&ssl_check_hostname=false&ssl_cert_reqs=none", True),
    ):
        for ping in (_ping, _ping_broker):
            assert ping(url + options) is accepted


def test_a_wrong_password_is_refused(redis_url: UrlOf, trusted: Path, run: Run) -> None:
    """A wrong password is refused, and the message does not repeat it."""
    url = redis_url(f"?ssl_ca_certs={trusted}").replace(ENCODED, "wr0ng")
    with connect_redis(url, CONNECT_SECONDS) as redis, pytest.raises(AuthenticationError):
        redis.ping()
    result = run("partitions", REDIS_URL=url)
    assert result.exit_code == 3
    assert "wr0ng" not in result.output


def test_the_ledger_is_on_postgresql_with_tls_and_a_password(
    postgresql_behind_tls: TlsProxy, trusted: Path, tmp_path: Path
) -> None:
    """PostgreSQL refuses another authority (verify-full) and another password (SCRAM)."""
    port = postgresql_behind_tls.port

    def migrate(password: str, authority: Path) -> None:
        url = f"postgresql://{ROLE}:{password}@localhost:{port}/{ROLE}"
        options = f"sslmode=verify-full&sslrootcert={authority}"
        settings = Settings(database_url=f"{url}?{options}", connect_seconds=CONNECT_SECONDS)
        with open_engine(settings) as (engine, _dialect):
            upgrade(engine)

    migrate(ENCODED, trusted)
    assert postgresql_behind_tls.connections > 0
    with pytest.raises(DatabaseError, match="certificate verify failed"):
        migrate(ENCODED, _certificate_file(trustme.CA(), tmp_path))
    with pytest.raises(DatabaseError, match="password authentication failed") as refused:
        migrate("wr0ng", trusted)
    assert "wr0ng" not in str(refused.value)


def _ping(url: str) -> bool:
    with connect_redis(url, CONNECT_SECONDS) as redis, suppress(RedisConnectionError):
        return bool(redis.ping())
    return False


def _ping_broker(url: str) -> bool:
    with (
        sending_app(url, CONNECT_SECONDS).connection_for_write() as connection,
        suppress(OperationalError),
    ):
        connection.ensure_connection(max_retries=1, reraise_as_library_errors=True)
        return True
    return False


def _certificate_file(authority: trustme.CA, folder: Path) -> Path:
    file = folder / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    return file
