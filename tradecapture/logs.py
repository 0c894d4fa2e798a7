"""Logging: structlog's events go through Python's logging, together with Celery's and uvicorn's."""

import structlog


def configure_logs() -> None:
    """Send structlog's events to Python's logging, as `event key=value ...`."""
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
