"""The ASGI app. Start it with `uvicorn --factory tradecapture.api.app:create_app`."""

import os
from typing import Any

import structlog
from litestar import Litestar, Request, Router
from litestar.datastructures import State
from redis.exceptions import RedisError

from tradecapture.api.http.correlation import echo_correlation_id, has_invalid_id
from tradecapture.api.http.paths import BASE
from tradecapture.api.http.problem import EXCEPTION_HANDLERS, ProblemError
from tradecapture.api.management.backlog import backlog
from tradecapture.api.management.health import (
    Health,
    health,
    liveness,
    management_health,
    readiness,
)
from tradecapture.api.openapi.page import assets, openapi_config
from tradecapture.api.partitions.act import act
from tradecapture.api.partitions.documentation import action_paths
from tradecapture.api.partitions.show import partition, partitions
from tradecapture.api.schemas import component_schemas
from tradecapture.api.service.service import Service
from tradecapture.api.submission.batch import capture_batch
from tradecapture.api.submission.capture import capture
from tradecapture.api.trades.jobs import job_status
from tradecapture.api.trades.search import search
from tradecapture.api.trades.trade import trade, trade_named_batch
from tradecapture.inbox import LaneCountError
from tradecapture.logs import configure_logs
from tradecapture.settings import Settings, SettingsError
from tradecapture.trades.submission import CORRELATION_ID_LENGTH

log = structlog.get_logger(__name__)


def create_app(settings: Settings | None = None) -> Litestar:
    """Return the ASGI app of one process.

    The app starts even if Redis or the database does not answer yet. Until they do, requests that
    need them get 503.

    Args:
        settings: those of the deployment; None: read them from the environment.

    Raises:
        SystemExit: a setting cannot be used, or Redis was set up with another lane count; the
            message says what to do.
    """
    configure_logs()
    try:
        settings = settings or Settings.from_environment(os.environ)
        service = Service(settings)
        service.check_lane_count()
    except (SettingsError, LaneCountError) as error:
        raise SystemExit(f"tradecapture api: {error}") from error
    except RedisError as error:
        log.warning("Redis does not answer; requests get 503 until it does", error=str(error))
    return _app(service)


def _app(service: Service) -> Litestar:
    api = Router(
        BASE,
        route_handlers=[
            *(capture, capture_batch, trade, trade_named_batch, search, job_status),
            *(partitions, partition, act, backlog, health),
        ],
        request_max_body_size=service.gateway.settings.trade_bytes,
    )
    app = Litestar(
        [api, management_health, liveness, readiness, assets()],
        state=State({"service": service, "health": Health(service.gateway)}),
        on_shutdown=[service.close],
        before_request=_check_correlation_id,
        before_send=[echo_correlation_id],
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=openapi_config(),
        # Litestar's own configuration would start a thread and a queue; uvicorn and structlog log.
        logging_config=None,
    )
    # Litestar derives schemas from the types of handlers, but our handlers read bytes.
    document: Any = app.openapi_schema
    document.components.schemas.update(component_schemas())
    document.paths.update(action_paths())
    return app


async def _check_correlation_id(request: Request[Any, Any, Any]) -> None:
    if has_invalid_id(request.scope):
        raise ProblemError(
            400,
            "INVALID_HEADER",
            f"X-Correlation-ID: give at most {CORRELATION_ID_LENGTH} printable ASCII characters",
        )
