"""Injects planned faults into a running deployment and records them in its history."""

import os
import signal
import time
from collections.abc import Callable, Sequence

import psutil
from sqlalchemy import create_engine, text

from tests.support.api.servers import ApiServer
from tests.support.deployment.deployment import Deployment
from tests.support.faults.schedule import FaultKind, PlannedFault
from tests.support.history.history import HistoryLog
from tests.support.servers.proxies.proxy import Proxy
from tradecapture.local.servers.server import LocalServer
from tradecapture.local.servers.worker import LocalWorker

REPAIRED = "mended"  # the name of the event that ends a fault
COMMIT = b"COMMIT\0"  # as psycopg sends it
LOST_COMMITS = 3  # answers lost in one fault; one for each worker, if all workers are busy

_CUT_ALL = text(
    "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
    " WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
)


class FaultInjector:
    """Breaks one part of a deployment at a time, and repairs it."""

    def __init__(
        self,
        deployment: Deployment,
        workers: Sequence[LocalWorker],
        apis: Sequence[ApiServer],
        database_proxy: Proxy,
        log: HistoryLog,
    ) -> None:
        """Prepare to inject faults.

        Args:
            deployment: on PostgreSQL.
            workers: that faults may hit; they reach the database through the proxy.
            apis: that faults may hit.
            database_proxy: before the deployment's PostgreSQL.
            log: where each fault and its end are recorded.
        """
        assert deployment.postgresql_server is not None
        self._redis, self._database = deployment.redis_server, deployment.postgresql_server
        self._workers, self._apis = workers, apis
        self._database_proxy, self._log = database_proxy, log
        self._injections: dict[FaultKind, Callable[[PlannedFault], None]] = {
            FaultKind.KILL_WORKER: lambda fault: self._kill(fault, self._worker(fault)),
            FaultKind.KILL_CHILD: self._kill_child,
            FaultKind.FREEZE_WORKER: lambda fault: self._freeze(fault, self._worker(fault)),
            FaultKind.RESTART_WORKER: lambda fault: self._restart(fault, self._worker(fault)),
            FaultKind.KILL_API: lambda fault: self._kill(fault, self._api(fault)),
            FaultKind.RESTART_API: lambda fault: self._restart(fault, self._api(fault)),
            FaultKind.KILL_REDIS: lambda fault: self._kill(fault, self._redis),
            FaultKind.FREEZE_REDIS: lambda fault: self._freeze(fault, self._redis),
            FaultKind.KILL_DATABASE: lambda fault: self._kill(fault, self._database),
            FaultKind.CUT_OFF_DATABASE: self._cut_off_database,
            FaultKind.CUT_CONNECTIONS: self._cut_connections,
            FaultKind.LOSE_COMMITS: self._lose_commits,
        }

    def commit(self, fault: PlannedFault) -> None:
        """Inject a fault, wait as long as the plan says, and repair what it broke."""
        self._injections[fault.kind](fault)

    def _kill(self, fault: PlannedFault, server: LocalServer) -> None:
        server.kill()
        self._note(fault, server.name)
        time.sleep(fault.lasts_seconds)
        server.start()
        self._log.fault(REPAIRED, server.name)

    def _restart(self, fault: PlannedFault, server: LocalServer) -> None:
        self._note(fault, server.name)
        server.restart()
        self._log.fault(REPAIRED, server.name)

    def _kill_child(self, fault: PlannedFault) -> None:
        worker = self._worker(fault)
        children = psutil.Process(worker.process.pid).children()
        if children:  # there are none while Celery replaces a process that has just died
            child = children[fault.victim % len(children)]
            child.kill()
            self._note(fault, f"{worker.name}, process {child.pid}")

    def _freeze(self, fault: PlannedFault, server: LocalServer) -> None:
        # A local server is started in its own session and process group.
        os.killpg(server.process.pid, signal.SIGSTOP)
        self._note(fault, server.name)
        time.sleep(fault.lasts_seconds)
        os.killpg(server.process.pid, signal.SIGCONT)
        self._log.fault(REPAIRED, server.name)

    def _cut_off_database(self, fault: PlannedFault) -> None:
        self._database_proxy.black_hole()
        self._note(fault, self._database.name)
        time.sleep(fault.lasts_seconds)
        self._database_proxy.pass_on()
        self._log.fault(REPAIRED, self._database.name)

    def _cut_connections(self, fault: PlannedFault) -> None:
        engine = create_engine(self._database.url)
        with engine.connect() as connection:
            count = connection.execute(_CUT_ALL).scalar_one()
        engine.dispose()
        self._note(fault, f"{count} connections")

    def _lose_commits(self, fault: PlannedFault) -> None:
        self._database_proxy.lose_answers(COMMIT, LOST_COMMITS)
        self._note(fault, f"{LOST_COMMITS} commits")

    def _worker(self, fault: PlannedFault) -> LocalWorker:
        return self._workers[fault.victim % len(self._workers)]

    def _api(self, fault: PlannedFault) -> ApiServer:
        return self._apis[fault.victim % len(self._apis)]

    def _note(self, fault: PlannedFault, target: str) -> None:
        self._log.fault(fault.kind, target)
