"""Runs a private deployment whose Redis has a master, two replicas and three sentinels."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

from redis import Redis
from redis.exceptions import ConnectionError, TimeoutError

from tests.support.deployment.completion import wait_for
from tests.support.deployment.deployment import Deployment
from tradecapture.inbox import connect_redis
from tradecapture.local.servers.ports import LOOPBACK, free_port
from tradecapture.local.servers.redis_server import RedisServer, find_redis_server
from tradecapture.local.servers.server import LocalServer

MASTER = "desk"  # not the default name, so that a test fails if the setting is ignored
REPLICAS, SENTINELS, QUORUM = 2, 3, 2
DOWN_AFTER_MS = 1000  # sentinels take a master for dead after this silence
ANSWER_TIMEOUT_SECONDS = 3.0  # for one answer of a server or sentinel


class SentinelServer(LocalServer):
    """One sentinel, which watches a master."""

    name = "redis-sentinel"

    def __init__(
        self,
        folder: Path,
        master_port: int,
        host: str = LOOPBACK,
        password: str = "",
        more: str = "",
    ) -> None:
        """Prepare a sentinel.

        Args:
            folder: of its configuration and log.
            master_port: at which it reaches the master.
            host: the address on which it listens.
            password: that clients must give to it and to the other sentinels; empty: none.
            more: further lines of its configuration.
        """
        folder.mkdir(parents=True)
        self.port = free_port()
        login = f":{quote(password, safe='')}@" if password else ""
        self._url = f"redis://{login}{host}:{self.port}"
        if password:
            more += f'\nrequirepass "{password}"'
        self._configuration = folder / "sentinel.conf"
        self._configuration.write_text(
            f"""port {self.port}
bind {host}
dir {folder}
sentinel monitor {MASTER} {LOOPBACK} {master_port} {QUORUM}
sentinel down-after-milliseconds {MASTER} {DOWN_AFTER_MS}
sentinel failover-timeout {MASTER} 5000
sentinel parallel-syncs {MASTER} {REPLICAS}
{more}
"""
        )
        super().__init__(folder / "sentinel.log")

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._run([str(find_redis_server()), str(self._configuration), "--sentinel"])
        if not self._becomes_ready():
            raise self._failure()

    def ask(self, *words: str) -> Any:
        """Run a SENTINEL command on it; return the reply."""
        with connect_redis(self._url, ANSWER_TIMEOUT_SECONDS) as redis:
            return redis.execute_command("SENTINEL", *words)

    def _is_ready(self) -> bool:
        try:
            return bool(self.ask("MASTERS"))
        except (ConnectionError, TimeoutError):
            return False


class SentinelDeployment(Deployment):
    """A deployment whose clients, workers, APIs and broker connections find Redis by Sentinel."""

    def __init__(self, folder: Path, database: str) -> None:
        super().__init__(folder, database)
        self.replicas = [RedisServer(folder / f"replica-{n}") for n in range(REPLICAS)]
        self.sentinels: list[SentinelServer] = []

    @property
    def servers(self) -> list[RedisServer]:
        """All Redis servers; the first one is the master at the start."""
        return [self.redis_server, *self.replicas]

    def __enter__(self) -> Self:
        """Start everything, and wait until the sentinels are able to fail over."""
        super().__enter__()
        try:
            self._start_replicas_and_sentinels()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start_replicas_and_sentinels(self) -> None:
        port = port_of(self.redis_server)
        for replica in self.replicas:
            self._running.callback(replica.kill)
            replica.start()
            with self.directly(replica) as redis:
                redis.replicaof(LOOPBACK, str(port))
        wait_for("the replicas follow", lambda: all(map(self._follows, self.replicas)))
        for number in range(SENTINELS):
            sentinel = SentinelServer(self.folder / f"sentinel-{number}", port)
            self._running.callback(sentinel.kill)
            self.sentinels.append(sentinel)
            sentinel.start()
        wait_for("the sentinels know each other and the replicas", self._is_watched)
        urls = ";".join(f"sentinel://{LOOPBACK}:{sentinel.port}" for sentinel in self.sentinels)
        self.settings = replace(self.settings, redis_url=urls, sentinel_master=MASTER)

    @contextmanager
    def directly(self, server: RedisServer) -> "Iterator[Redis]":
        """Connect to one server, whether it is the master or a replica."""
        with connect_redis(server.url, ANSWER_TIMEOUT_SECONDS) as redis:
            yield redis

    def cut_replication(self) -> None:
        """Point the replicas to a port without a server; sentinels repair it after some seconds."""
        for replica in self.replicas:
            with self.directly(replica) as redis:
                redis.replicaof(LOOPBACK, str(free_port()))

    def master(self) -> RedisServer | None:
        """Return the server that a quorum of sentinels names as master, if it has that role."""
        replies = [sentinel.ask("GET-MASTER-ADDR-BY-NAME", MASTER) for sentinel in self.sentinels]
        ports = [int(port) for _host, port in replies]
        for server in self.servers:
            if ports.count(port_of(server)) >= QUORUM and self.role(server) == "master":
                return server
        return None

    def wait_for_failover(self) -> RedisServer:
        """Wait until a replica is the master; return it."""
        wait_for("another master", lambda: self.master() not in (None, self.redis_server))
        master = self.master()
        assert master is not None
        return master

    def role(self, server: RedisServer) -> str:
        """Return the role that a server reports for itself; empty if it does not answer."""
        try:
            with Redis.from_url(server.url, socket_timeout=0.5, retry=None) as redis:
                return str(redis.info("replication")["role"])
        except (ConnectionError, TimeoutError):
            return ""

    def _follows(self, replica: RedisServer) -> bool:
        with self.directly(replica) as redis:
            return redis.info("replication").get("master_link_status") == "up"

    def _is_watched(self) -> bool:
        expected = {b"num-other-sentinels": SENTINELS - 1, b"num-slaves": REPLICAS}
        return all(
            int(sentinel.ask("MASTER", MASTER)[name]) == number
            for sentinel in self.sentinels
            for name, number in expected.items()
        )


def port_of(server: RedisServer) -> int:
    """Return the port of a server."""
    return int(server.url.rsplit(":", 1)[1].split("/")[0])


def freeze(server: RedisServer) -> None:
    """Stop a server with its connections open, which looks like a host that is cut off."""
    os.kill(server.process.pid, signal.SIGSTOP)


def thaw(server: RedisServer) -> None:
    """Resume a frozen server."""
    os.kill(server.process.pid, signal.SIGCONT)
