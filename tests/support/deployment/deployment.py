"""Runs a private deployment: Redis, a ledger, workers and APIs that a test can kill and restart."""

import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Self

from sqlalchemy import make_url

from tests.support.api.servers import API, ApiServer, environment_of
from tests.support.servers.proxies.proxy import Proxy
from tradecapture import Settings
from tradecapture.capture.gateway import Gateway
from tradecapture.ledger import upgrade
from tradecapture.ledger.engine import open_engine
from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.postgresql_server import SOCKETS, PostgresqlServer
from tradecapture.local.servers.redis_server import RedisServer
from tradecapture.local.servers.server import log_tail
from tradecapture.local.servers.worker import FLEET_APP, LocalWorker

SQLITE, POSTGRESQL = "sqlite", "postgresql"
POSTGRESQL_SOCKET = ".s.PGSQL.5432"  # in the folder that a URL names as host


class Deployment:
    """A whole deployment in a folder. As a context manager it ends everything that it started."""

    def __init__(self, folder: Path, database: str) -> None:
        """Prepare a deployment.

        Args:
            folder: of all data and logs.
            database: `SQLITE` or `POSTGRESQL`.
        """
        self.folder, self.database = folder, database
        self.redis_server = RedisServer(folder / "redis")
        self.postgresql_server = (
            PostgresqlServer(folder / "postgresql") if database == POSTGRESQL else None
        )
        # Used by every process and connection that starts from now on. Replace it to change one.
        self.settings = Settings()
        self._running = ExitStack()

    def start_worker(
        self,
        name: str,
        concurrency: int = 1,
        app: str = FLEET_APP,
        environment: Mapping[str, str] | None = None,
        **settings: object,
    ) -> LocalWorker:
        """Start a worker without waiting until it is ready; see `LocalWorker.wait_ready`.

        Args:
            name: of its node and its log.
            concurrency: pool processes.
            app: module of its Celery app; a test's own app may break something on purpose.
            environment: variables beside the settings, by their full names.
            settings: other than the deployment's, by name.
        """
        worker = LocalWorker(
            name,
            self.folder / f"{name}.log",
            {**self._environment(settings), **(environment or {})},
            concurrency=concurrency,
            app=app,
        )
        self._running.callback(worker.kill)
        return worker.launch()

    def start_api(self, name: str, app: str = API, **settings: object) -> ApiServer:
        """Start an API and wait until it answers. It keeps its port when it restarts.

        Args:
            name: of its folder.
            app: ASGI factory; a test's own factory may break something on purpose.
            settings: other than the deployment's, by name.
        """
        api = ApiServer(self.folder / name, self._environment(settings), app)
        self._running.callback(api.kill)
        api.start()
        return api

    def gateway(self, **settings: Any) -> Gateway:
        """Return a gateway in this process, with the deployment's settings except those given."""
        gateway = Gateway(replace(self.settings, **settings))
        self._running.callback(gateway.close)
        return gateway

    def proxy_redis(self) -> Proxy:
        """Put a proxy before Redis; whatever connects from now on goes through it."""
        address = (LOOPBACK, free_port())
        proxy = self._running.enter_context(Proxy(address, _address_of(self.redis_server.url)))
        url = f"redis://{LOOPBACK}:{address[1]}/0"
        self.settings = replace(self.settings, redis_url=url)
        return proxy

    def proxy_postgresql(self) -> Proxy:
        """Put a proxy before PostgreSQL; whatever connects from now on goes through it."""
        url = make_url(self.settings.database_url)
        server_folder = url.query["host"]
        assert isinstance(server_folder, str)
        # Not in the deployment's folder, because a socket's path has at most 107 bytes.
        folder = self._running.enter_context(
            tempfile.TemporaryDirectory(prefix="proxy-", dir=SOCKETS)
        )
        proxy = self._running.enter_context(
            Proxy(Path(folder) / POSTGRESQL_SOCKET, Path(server_folder) / POSTGRESQL_SOCKET)
        )
        through = url.update_query_dict({"host": folder})
        self.settings = replace(
            self.settings, database_url=through.render_as_string(hide_password=False)
        )
        return proxy

    def log_tails(self) -> dict[str, str]:
        """Return the last lines of each log, by its path in the folder."""
        logs = sorted(self.folder.rglob("*.log"))
        return {str(log.relative_to(self.folder)): log_tail(log) for log in logs}

    def __enter__(self) -> Self:
        """Start the servers and make the ledger's tables."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as starting:
            starting.callback(self.redis_server.kill)
            self.redis_server.start()
            database_url = f"sqlite:///{self.folder / 'ledger.db'}"
            if self.postgresql_server is not None:
                starting.callback(self.postgresql_server.kill)
                self.postgresql_server.start()
                database_url = self.postgresql_server.url
            self.settings = replace(
                self.settings, redis_url=self.redis_server.url, database_url=database_url
            )
            with open_engine(self.settings) as (engine, _dialect):
                upgrade(engine)
            self._running = starting.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """End everything that was started, the newest first."""
        self._running.close()

    def _environment(self, settings: Mapping[str, object]) -> dict[str, str]:
        merged = {**asdict(self.settings), **settings}
        return environment_of(**{name: str(value) for name, value in merged.items()})


def _address_of(redis_url: str) -> tuple[str, int]:
    host, port = redis_url.removeprefix("redis://").split("/")[0].split(":")
    return host, int(port)
