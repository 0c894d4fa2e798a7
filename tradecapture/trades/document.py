"""The document: a trade's JSON as received, its full form, and the digest of its content."""

from decimal import Context, Decimal, DecimalException, InvalidOperation
from hashlib import blake2b
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET, UnsetType

Document = dict[str, Any]
Value = TypeVar("Value")

DIGEST_BYTES = 16  # 128 bits: no accidental collision in 10^15 trades
COMPACT_LOT_SCHEME = "LOT"  # the identifier type of a compact lot's bare identifier
# How deeply objects and lists may be nested: far more than a trade needs, and far less than fits on
# Python's stack, however deep the caller already is.
MAX_NESTING_LEVELS = 64

# A JSON number is read as Decimal, never as a binary float: 0.1 stays 0.1.
_decoder = msgspec.json.Decoder(float_hook=Decimal)
_encoder = msgspec.json.Encoder(decimal_format="number")
_canonical_encoder = msgspec.json.Encoder(decimal_format="number", order="sorted")
_exact = Context(prec=100)  # digits; a valid value has at most 28


def decode(body: bytes) -> Any:
    """Decode JSON with exact numbers.

    Raises:
        msgspec.DecodeError: the text is not JSON, or exceeds what any trade needs; the message
            says where.
    """
    try:
        return _decoder.decode(body)
    except UnicodeDecodeError as error:
        raise msgspec.DecodeError(f"it is not UTF-8: {error.reason}") from error
    except InvalidOperation as error:
        raise msgspec.DecodeError("a number's exponent is out of range") from error
    except RecursionError as error:
        raise msgspec.DecodeError("it is nested too deeply") from error


def is_nested_too_deeply(body: bytes, document: Any) -> bool:
    """Return whether objects and lists are nested more than 64 levels deep.

    Args:
        body: the JSON text.
        document: its decoded value.
    """
    if body.count(b"{") + body.count(b"[") <= MAX_NESTING_LEVELS:
        return False  # the quick answer for nearly every trade
    layer = [document]
    for _ in range(MAX_NESTING_LEVELS + 1):
        inner: list[Any] = []
        for value in layer:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        layer = inner
    return bool(layer)


def encode(document: object) -> bytes:
    """Encode a document as JSON; decimals keep all their digits."""
    return _encoder.encode(document)


def expand_compact_lots(document: Document) -> bool:
    """Rewrite compact lots to the full form, in place; return whether there were any.

    A compact lot (HTTP contract) has a bare string as `lotIdentifier`, or one object as
    `priceQuantity` with a bare `quantity` and its `unitOfAmount`.
    """
    lots = document.get("tradeLots")
    changed = False
    for lot in lots if isinstance(lots, list) else ():
        if not isinstance(lot, dict):
            continue
        if isinstance(lot.get("lotIdentifier"), str):
            identifier = lot["lotIdentifier"]
            lot["lotIdentifier"] = [
                {"identifier": identifier, "identifierType": COMPACT_LOT_SCHEME}
            ]
            changed = True
        if isinstance(lot.get("priceQuantity"), dict):
            lot["priceQuantity"] = [_full_price_quantity(lot["priceQuantity"])]
            changed = True
    return changed


def digest_of(document: Document) -> str:
    """Return the digest of a valid trade's content: 32 hexadecimal digits.

    Two documents have the same content if they differ only in white space, key order, the spelling
    of a lot's decimals ("1000", 1000, 1000.0) or the idempotency key. That key names the request
    and is not part of the trade.
    """
    content = _canonical_encoder.encode(_content(document))
    return blake2b(content, digest_size=DIGEST_BYTES).hexdigest()


def differing_fields(one: Document, other: Document) -> list[str]:
    """Return the names of the top-level fields whose content differs, sorted."""
    # Compare the encoded values, as the digest does: Python takes true, 1 and 1.0 for equal.
    first, second = (
        {name: _canonical_encoder.encode(value) for name, value in _content(document).items()}
        for document in (one, other)
    )
    return sorted(
        name for name in first.keys() | second.keys() if first.get(name) != second.get(name)
    )


def _full_price_quantity(compact: Document) -> Document:
    full = {k: v for k, v in compact.items() if k not in ("quantity", "price", "unitOfAmount")}
    for side in ("quantity", "price"):
        value = compact.get(side)
        if value is None:
            continue
        if not isinstance(value, list):
            value = [{"value": value, "unit": compact.get("unitOfAmount")}]
        full[side] = value
    return full


def _content(document: Document) -> Document:
    content = {name: value for name, value in document.items() if name != "idempotencyKey"}
    if "tradeLots" in content:
        content["tradeLots"] = _canonical(content["tradeLots"])
    return content


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            name: _plain_decimal(inner) if name == "value" else _canonical(inner)
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_canonical(inner) for inner in value]
    return value


def _plain_decimal(value: Any) -> Any:
    """Give a number one spelling: 1000, "1000" and 1000.0 become "1000"."""
    try:
        number = _exact.create_decimal(value).normalize(_exact)
    except (DecimalException, TypeError, ValueError):
        return _canonical(value)
    if not number.is_finite() or abs(number.adjusted()) > _exact.prec:
        return _canonical(value)  # a field that only looks like one of ours
    return format(number, "f") if number else "0"


def or_unset(value: Value | None) -> Value | UnsetType:
    """Return a value, or UNSET for None: the field is then left out of the JSON."""
    return UNSET if value is None else value
