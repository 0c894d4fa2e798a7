"""The JSON Schema of a submitted trade: what the types of `trades.trade` alone do not say."""

from typing import Any

from tradecapture.api.openapi.components import SCHEMAS

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


def complete_trade_schema(schemas: dict[str, Any]) -> None:
    """Add an example, descriptions, formats and the compact lot to the schemas of a trade."""
    trade, lot = schemas["Trade"], schemas["TradeLot"]["properties"]
    trade["description"] = "A trade as submitted. Fields that are not named here are kept with it."
    trade["examples"] = [_EXAMPLE]
    trade["properties"]["tradeDate"] |= {
        "format": "date",
        "description": "not after tomorrow in UTC: a client east of it is a day ahead",
    }
    for name in ("tradeTimestamp", "bookingTimestamp"):
        trade["properties"][name]["anyOf"][0]["format"] = "date-time"
    schemas["Measure"]["properties"]["value"] = _VALUE
    # Some clients send compact lots; the trade is stored with the full form.
    schemas["CompactPriceQuantity"] = {
        "description": "The quantity of a compact lot, and its unit.",
        "type": "object",
        "properties": {
            "quantity": _VALUE,
            "unitOfAmount": {"anyOf": [{"type": "string"}, {"$ref": SCHEMAS + "Unit"}]},
        },
        "required": ["quantity"],
    }
    lot["priceQuantity"] = {
        "anyOf": [lot["priceQuantity"], {"$ref": SCHEMAS + "CompactPriceQuantity"}]
    }
    lot["lotIdentifier"] = {"anyOf": [lot["lotIdentifier"], {"type": "string"}]}
