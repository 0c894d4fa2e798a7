"""The schemas of the OpenAPI document, made from the types of the bodies."""

from typing import Any

import msgspec

from tradecapture.api.http.problem import ProblemBody
from tradecapture.api.management.bodies import BacklogBody, HealthBody, ManagementHealthBody
from tradecapture.api.openapi.components import SCHEMAS
from tradecapture.api.partitions.bodies import (
    ActionRequestBody,
    ActionResultBody,
    PartitionPageBody,
)
from tradecapture.api.submission.bodies import AcceptedBody, BatchBody, BatchProblemBody
from tradecapture.api.submission.trade_schema import complete_trade_schema
from tradecapture.api.trades.bodies import JobBody, TradePageBody
from tradecapture.capture.status import TradeBody
from tradecapture.operations.views import PartitionDetailBody
from tradecapture.trades.trade import Trade

_BODIES = (
    *(Trade, AcceptedBody, BatchBody, BatchProblemBody),
    *(TradeBody, TradePageBody, JobBody),
    *(PartitionPageBody, PartitionDetailBody, ActionRequestBody, ActionResultBody),
    *(BacklogBody, HealthBody, ManagementHealthBody, ProblemBody),
)


def component_schemas() -> dict[str, Any]:
    """Return the JSON Schema of every body by the name of its type."""
    _, schemas = msgspec.json.schema_components(_BODIES, ref_template=SCHEMAS + "{name}")
    complete_trade_schema(schemas)
    return schemas
