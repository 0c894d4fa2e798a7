"""Health: whether trades can be accepted and looked up, by looking; and the probes."""

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import structlog
from litestar import Request, get
from litestar.response.base import ASGIResponse
from sqlalchemy import QueuePool

from tradecapture.api.bodies import (
    ComponentBody,
    ConnectionPoolBody,
    HealthBody,
    HealthStatus,
    ManagementHealthBody,
)
from tradecapture.api.management.documentation import HEALTH, LIVENESS, MANAGEMENT_HEALTH, READINESS
from tradecapture.api.service.service import Service

# A server that needs longer is of no use to a client that waits, and load balancers ask every
# five to ten seconds.
CHECK_SECONDS = 4.0

log = structlog.get_logger(__name__)
_encode = msgspec.json.Encoder().encode


class HealthCheck:
    """Looks whether a server works; one look at a time, however many ask."""

    def __init__(self, look: Callable[[], None]) -> None:
        """Prepare to look; `look` blocks, and raises if the server does not work."""
        self._look = look
        self._looking: asyncio.Task[None] | None = None

    async def result(self) -> ComponentBody:
        """Return how the server is."""
        if self._looking is None:
            self._looking = asyncio.create_task(asyncio.to_thread(self._look))
            self._looking.add_done_callback(self._forget)
        looking = self._looking
        await asyncio.wait([looking], timeout=CHECK_SECONDS)
        if not looking.done():
            return ComponentBody(HealthStatus.DOWN, f"no answer within {CHECK_SECONDS:.0f} s")
        error = looking.exception()
        if error is None:
            return ComponentBody(HealthStatus.UP)
        log.warning("health check failed", error=str(error))
        # The class says enough; the text may name hosts and users.
        return ComponentBody(HealthStatus.DOWN, type(error).__name__)

    def _forget(self, _task: "asyncio.Task[None]") -> None:
        self._looking = None


class Health:
    """The checks of one process."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._checks = {
            "redis": HealthCheck(service.gateway.inbox.probe_write),
            "database": HealthCheck(service.gateway.ledger.ping),
        }

    async def ready(self) -> HealthStatus:
        """Look whether trades can be accepted.

        They can without the database, and are safe until it is back: so it is not looked at.
        """
        return (await self._checks["redis"].result()).status

    async def body(self) -> HealthBody:
        """Look at everything at once."""
        results = await asyncio.gather(*(check.result() for check in self._checks.values()))
        up = all(result.status is HealthStatus.UP for result in results)
        return HealthBody(
            status=HealthStatus.UP if up else HealthStatus.DOWN,
            components=dict(zip(self._checks, results, strict=True)),
            connection_pool=_pool_body(self._service),
        )


@get("/health", operation_id="getHealth", operation_class=HEALTH)
async def health(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Tell whether trades can be accepted and looked up."""
    body = await _health_of(request).body()
    return _answer(body.status, _encode(body))


@get("/actuator/health", operation_id="getManagementHealth", operation_class=MANAGEMENT_HEALTH)
async def management_health(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Tell a load balancer whether trades can be accepted and looked up."""
    status = (await _health_of(request).body()).status
    return _answer(status, _encode(ManagementHealthBody(status)))


@get("/actuator/health/liveness", operation_id="getLiveness", operation_class=LIVENESS)
async def liveness() -> ASGIResponse:
    """Tell that this process serves. A restart mends nothing that is away, so nothing is asked."""
    return _answer(HealthStatus.UP, _encode(ManagementHealthBody(HealthStatus.UP)))


@get("/actuator/health/readiness", operation_id="getReadiness", operation_class=READINESS)
async def readiness(request: Request[Any, Any, Any]) -> ASGIResponse:
    """Tell a load balancer whether trades can be accepted."""
    status = await _health_of(request).ready()
    return _answer(status, _encode(ManagementHealthBody(status)))


def _answer(status: HealthStatus, body: bytes) -> ASGIResponse:
    return ASGIResponse(body=body, status_code=200 if status is HealthStatus.UP else 503)


def _health_of(request: Request[Any, Any, Any]) -> Health:
    health: Health = request.app.state["health"]
    return health


def _pool_body(service: Service) -> ConnectionPoolBody:
    pool = service.gateway.ledger.engine.pool
    size = service.gateway.settings.pool_size
    if not isinstance(pool, QueuePool):  # SQLite in memory
        return ConnectionPoolBody(0, 0, 0, size)
    active, idle = pool.checkedout(), pool.checkedin()
    return ConnectionPoolBody(active, idle, active + idle, size)
