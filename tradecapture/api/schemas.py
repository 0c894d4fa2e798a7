"""The schemas: JSON Schema of every body, made from the types that read and write them."""

from typing import Any

import msgspec

from tradecapture.api.bodies import (
    AcceptedBody,
    BacklogBody,
    BatchBody,
    FoundPageBody,
    HealthBody,
    JobBody,
    ManagementHealthBody,
)
from tradecapture.api.http.problem import ProblemBody
from tradecapture.api.partitions.bodies import (
    ActionRequestBody,
    ActionResultBody,
    PartitionPageBody,
)
from tradecapture.capture.status import TradeBody
from tradecapture.operations.views import PartitionDetailBody
from tradecapture.trades.trade import Trade

PREFIX = "#/components/schemas/"

_TYPES = (
    Trade,
    AcceptedBody,
    TradeBody,
    BatchBody,
    JobBody,
    FoundPageBody,
    PartitionPageBody,
    PartitionDetailBody,
    ActionRequestBody,
    ActionResultBody,
    BacklogBody,
    HealthBody,
    ManagementHealthBody,
    ProblemBody,
)
_VALUE = {
    "type": ["number", "string"],
    "description": "decimal and exact: up to 28 digits with 8 decimals, as a number or a string",
    "examples": ["189.5"],
}
_EXAMPLE = {
    "tradeId": "ES-2026-000001",
    "accountId": "ACC1",
    "bookId": "BOOK1",
    "securityId": "US0378331005",
    "source": "AUTOMATED",
    "tradeDate": "2026-01-15",
    "counterpartyIds": ["CP1"],
    "tradeLots": [
        {
            "lotIdentifier": [{"identifier": "LOT-1", "identifierType": "INTERNAL"}],
            "priceQuantity": [
                {
                    "quantity": [{"value": 1000, "unit": {"financialUnit": "Shares"}}],
                    "price": [{"value": "189.5", "unit": {"currency": "USD"}}],
                }
            ],
        }
    ],
}


def component_schemas() -> dict[str, Any]:
    """Return the schemas by name, with what the types alone do not say."""
    _, schemas = msgspec.json.schema_components(_TYPES, ref_template=PREFIX + "{name}")
    trade, lot = schemas["Trade"], schemas["TradeLot"]["properties"]
    trade["description"] = "A trade as submitted. Fields that are not named here are kept with it."
    trade["examples"] = [_EXAMPLE]
    trade["properties"]["tradeDate"] |= {
        "format": "date",
        "description": "not after tomorrow UTC: a client east of it is a day ahead",
    }
    for name in ("tradeTimestamp", "bookingTimestamp"):
        trade["properties"][name]["anyOf"][0]["format"] = "date-time"
    schemas["Measure"]["properties"]["value"] = _VALUE
    # The compact lot of some clients; it is stored in the full form.
    schemas["CompactPriceQuantity"] = {
        "description": "A compact lot's quantity, and the unit that it counts.",
        "type": "object",
        "properties": {
            "quantity": _VALUE,
            "unitOfAmount": {"anyOf": [{"type": "string"}, {"$ref": PREFIX + "Unit"}]},
        },
        "required": ["quantity"],
    }
    lot["priceQuantity"] = {
        "anyOf": [lot["priceQuantity"], {"$ref": PREFIX + "CompactPriceQuantity"}]
    }
    lot["lotIdentifier"] = {"anyOf": [lot["lotIdentifier"], {"type": "string"}]}
    return schemas
