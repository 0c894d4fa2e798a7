"""Health: checks of the servers that the service needs, and the endpoints that report them."""

import asyncio
from collections.abc import Callable
from typing import Any

import structlog
from litestar import Request, get
from litestar.response.base import ASGIResponse
from sqlalchemy import QueuePool

from tradecapture.api.http.responses import json_response
from tradecapture.api.management.bodies import (
    ComponentBody,
    ConnectionPoolBody,
    HealthBody,
    HealthStatus,
    ManagementHealthBody,
)
from tradecapture.api.management.documentation import HEALTH, LIVENESS, MANAGEMENT_HEALTH, READINESS
from tradecapture.capture.gateway import Gateway

# A slower server is of no use to a waiting client, and load balancers ask every 5 to 10 seconds.
CHECK_TIMEOUT_SECONDS = 4.0

log = structlog.get_logger(__name__)


class HealthCheck:
    """Checks whether a server works. Requests that come during a check share its result."""

    def __init__(self, probe: Callable[[], None]) -> None:
        """Prepare to check.

        Args:
            probe: blocks until the server has answered; raises if the server does not work.
        """
        self._probe = probe
        self._running: asyncio.Task[None] | None = None

    async def result(self) -> ComponentBody:
        """Return the health of the server, within `CHECK_TIMEOUT_SECONDS`."""
        if self._running is None:
            self._running = asyncio.create_task(asyncio.to_thread(self._probe))
            self._running.add_done_callback(self._forget)
        running = self._running
        await asyncio.wait([running], timeout=CHECK_TIMEOUT_SECONDS)
        if not running.done():
            return ComponentBody(
                HealthStatus.DOWN, f"no answer within {CHECK_TIMEOUT_SECONDS:.0f} s"
            )
        error = running.exception()
        if error is None:
            return ComponentBody(HealthStatus.UP)
        log.warning("health check failed", error=str(error))
        # Only the class: the text may name hosts and users.
        return ComponentBody(HealthStatus.DOWN, type(error).__name__)

    def _forget(self, _task: "asyncio.Task[None]") -> None:
        self._running = None


class Health:
    """The health checks of one process."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._checks = {
            "redis": HealthCheck(gateway.inbox.probe_write),
            "database": HealthCheck(gateway.ledger.ping),
        }

    async def readiness(self) -> HealthStatus:
        """Return whether trades can be accepted.

        The database is not checked: without it, accepted trades wait safely in Redis.
        """
        return (await self._checks["redis"].result()).status

    async def body(self) -> HealthBody:
        """Run all checks at the same time and return their results."""
        results = await asyncio.gather(*(check.result() for check in self._checks.values()))
        up = all(result.status is HealthStatus.UP for result in results)
        return HealthBody(
            status=HealthStatus.UP if up else HealthStatus.DOWN,
            components=dict(zip(self._checks, results, strict=True)),
            connection_pool=_pool_body(self._gateway),
        )


@get("/health", operation_id="getHealth", operation_class=HEALTH)
async def health(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Return whether trades can be accepted and looked up, with each server."""
    body = await _health_of(request).body()
    return json_response(body, _status_code(body.status))


@get("/actuator/health", operation_id="getManagementHealth", operation_class=MANAGEMENT_HEALTH)
async def management_health(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Return whether trades can be accepted and looked up, for load balancers."""
    return _management_response((await _health_of(request).body()).status)


@get("/actuator/health/liveness", operation_id="getLiveness", operation_class=LIVENESS)
async def liveness() -> ASGIResponse:
    """Return UP: this process serves requests.

    No server is checked, because a restart of this process would not repair it.
    """
    return _management_response(HealthStatus.UP)


@get("/actuator/health/readiness", operation_id="getReadiness", operation_class=READINESS)
async def readiness(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Return whether trades can be accepted, for load balancers."""
    return _management_response(await _health_of(request).readiness())


def _management_response(status: HealthStatus) -> ASGIResponse:
    return json_response(ManagementHealthBody(status), _status_code(status))


def _status_code(status: HealthStatus) -> int:
    return 200 if status is HealthStatus.UP else 503


def _health_of(request: Request[Any, Any, Any]) -> Health:
    health: Health = request.app.state["health"]
    return health


def _pool_body(gateway: Gateway) -> ConnectionPoolBody:
    pool = gateway.ledger.engine.pool
    size = gateway.settings.pool_size
    if not isinstance(pool, QueuePool):  # SQLite in memory has another pool
        return ConnectionPoolBody(0, 0, 0, size)
    active, idle = pool.checkedout(), pool.checkedin()
    return ConnectionPoolBody(active, idle, active + idle, size)
