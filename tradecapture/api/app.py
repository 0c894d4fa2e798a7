"""The app: the API of one process. Start: `uvicorn --factory tradecapture.api.app:create_app`."""

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
    """Return the ASGI app.

    Args:
        settings: of the deployment; None: those of the environment.

    Raises:
        SystemExit: it could never work (settings, lane count); the message says what to do.
            A Redis or a database that is only out of reach is waited for: until it is there,
            requests are answered with 503.
    """
    configure_logs()
    try:
        # The lanes are checked below, so that the app starts without Redis too.
        settings = settings or Settings.from_environment(os.environ)
        service = Service(settings)
        service.check_lane_count()
    except (SettingsError, LaneCountError) as error:
        raise SystemExit(f"tradecapture api: {error}") from error
    except RedisError as error:
        log.warning("Redis is out of reach; 503 is answered until it is there", error=str(error))
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
        # The server's and ours; Litestar would start a thread and a queue of its own.
        logging_config=None,
    )
    # Litestar fills the schemas with those that it derives from handlers; ours read bytes.
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
