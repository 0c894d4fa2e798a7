"""Runs Redis behind Sentinel with TLS, client certificates, and two passwords."""

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import trustme
from redis import Redis

from tests.support import ROOT
from tests.support.deployment.completion import wait_for
from tests.support.deployment.sentinel_deployment import MASTER, SentinelServer
from tests.support.servers.proxies.shared_port import SharedPort
from tradecapture.connections.urls import SentinelAccess
from tradecapture.inbox import connect_redis
from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.redis_server import RedisServer

# The passwords of the servers and of the sentinels.
PASSWORD, SENTINEL_PASSWORD = "hunter2@redis/x", "hunter2:sentinel%"
ACCESS = SentinelAccess(MASTER, "tradecapture", SENTINEL_PASSWORD)
DOCUMENT = ROOT / "docs" / "high-availability.md"
# The addresses on which servers and sentinels listen, and from which they connect.
SERVERS_AT, SENTINELS_AT = "127.0.0.2", "127.0.0.3"
# The setting of the address to connect from, since Redis 7. Older releases use that of `bind`.
FROM = "bind-source-addr"
SERVERS, SENTINELS = 2, 3
ANSWER_TIMEOUT_SECONDS = 3.0  # for one answer of a server or sentinel


class HiddenServer(RedisServer):
    """A server that clients and the other servers reach only through a proxy at its port."""

    def __init__(self, folder: Path) -> None:
        """Prepare a server on a free port."""
        self.port = free_port()
        super().__init__(folder, self.port)

    @property
    def url(self) -> str:
        """The URL that bypasses the proxy."""
        return f"redis://:{quote(PASSWORD, safe='')}@{SERVERS_AT}:{self.port}/0"

    def redis(self) -> "Redis":
        """Return a client that bypasses the proxy."""
        return connect_redis(self.url, ANSWER_TIMEOUT_SECONDS)

    def is_master(self) -> bool:
        """Return whether it reports the role of master."""
        with self.redis() as redis:
            return str(redis.info("replication")["role"]) == "master"

    def follows(self) -> bool:
        """Return whether it is connected to its master."""
        with self.redis() as redis:
            return str(redis.info("replication").get("master_link_status")) == "up"

    def start(self) -> None:
        """Start the server, and let it connect to others from its own address."""
        super().start()
        with self.redis() as redis:
            if redis.config_get(FROM):
                redis.config_set(FROM, SERVERS_AT)

    def _run(self, command: list[str], **options: Any) -> None:
        own = {
            "bind": SERVERS_AT,
            "requirepass": PASSWORD,
            "masterauth": PASSWORD,
            "replica-announce-ip": LOOPBACK,
            "repl-diskless-sync-delay": "0",
        }
        for name, value in own.items():
            command += [f"--{name}", value]
        super()._run(command, **options)


class TlsSentinels:
    """A master, a replica and three sentinels whose clients use TLS with a certificate."""

    def __init__(self, folder: Path) -> None:
        """Prepare all servers, with their data and certificates in a folder."""
        self._folder, self.authority = folder, trustme.CA()
        self.trusted, self.client = folder / "ca.pem", folder / "client.pem"
        self.servers = [HiddenServer(folder / f"redis-{number}") for number in range(SERVERS)]
        self.sentinels: list[SentinelServer] = []
        self._running = ExitStack()

    def url(self, host: str = LOOPBACK, **options: object) -> str:
        """Return a value for TRADECAPTURE_REDIS_URL.

        Args:
            host: that clients connect to.
            options: of the URL, in place of the right ones; an empty one is left out.
        """
        defaults = {
            "ssl_ca_certs": self.trusted,
            "ssl_certfile": self.client,
            "ssl_keyfile": self.client,
        }
        query = "&".join(f"{name}={value}" for name, value in (defaults | options).items() if value)
        first, *others = (f"{host}:{sentinel.port}" for sentinel in self.sentinels)
        urls = [f":{quote(PASSWORD, safe='')}@{first}/0?{query}", *others]
        return ";".join(f"sentinels://{url}" for url in urls)

    def __enter__(self) -> Self:
        """Start everything, and wait until the sentinels are able to fail over."""
        with ExitStack() as running:
            self._folder.mkdir()
            self.authority.cert_pem.write_to_path(str(self.trusted))
            certificate = self.authority.issue_cert("client")
            certificate.private_key_and_cert_chain_pem.write_to_path(str(self.client))
            for server in self.servers:
                running.callback(server.kill)
                server.start()
                self._start_proxy(running, SERVERS_AT, server.port, {SERVERS_AT, SENTINELS_AT})
            master, *replicas = self.servers
            for replica in replicas:
                with replica.redis() as redis:
                    redis.replicaof(LOOPBACK, str(master.port))
            wait_for("the replica follows", lambda: all(map(HiddenServer.follows, replicas)))
            for number in range(SENTINELS):
                sentinel = self._sentinel(self._folder / f"sentinel-{number}", master.port)
                self.sentinels.append(sentinel)
                running.callback(sentinel.kill)
                sentinel.start()
                self._start_proxy(running, SENTINELS_AT, sentinel.port, set())
            wait_for("the sentinels know all", lambda: all(map(_knows_all, self.sentinels)))
            self._running = running.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        """End all servers and proxies."""
        self._running.close()

    def _sentinel(self, folder: Path, master_port: int) -> SentinelServer:
        user = re.search(f"^user {ACCESS.username} .*", DOCUMENT.read_text(), re.M)
        assert user is not None, "the documents no longer say what rights are needed"
        more = f'sentinel auth-pass {MASTER} "{PASSWORD}"\n'
        more += user[0].replace(">SENTINEL-PASSWORD", f">{ACCESS.password}")
        with self.servers[0].redis() as redis:
            if redis.config_get(FROM):
                more += f"\n{FROM} {SENTINELS_AT}"
        return SentinelServer(folder, master_port, SENTINELS_AT, SENTINEL_PASSWORD, more)

    def _start_proxy(self, running: ExitStack, host: str, port: int, plain_from: set[str]) -> None:
        proxy = SharedPort(self.authority, port, (host, port), frozenset(plain_from))
        running.enter_context(proxy)


def _knows_all(sentinel: SentinelServer) -> bool:
    master = sentinel.ask("MASTER", MASTER)
    counts = (int(master[b"num-other-sentinels"]), int(master[b"num-slaves"]))
    return counts == (SENTINELS - 1, SERVERS - 1)
