"""Validation: finds all problems of a trade at once, each with its JSON path and what to do."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import Any

import msgspec

from tradecapture.trades.isin import has_isin_form, has_valid_check_digit
from tradecapture.trades.problems import Problem, type_problems
from tradecapture.trades.trade import PARTITION_ID_LENGTH, TRADE_ID_LENGTH, Trade, utf16_length

MAX_DIGITS = 28  # of a quantity or price; from the HTTP contract
MAX_DECIMALS = 8  # of these digits; same source

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,4})?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

# Inexact refuses longer numbers; without it they would be rounded.
_EXACT = Context(prec=100, traps=[Inexact])
_PATHS = {field.name: f"$.{field.encode_name}" for field in msgspec.structs.fields(Trade)}
_IDS = {
    "trade_id": TRADE_ID_LENGTH,
    "account_id": PARTITION_ID_LENGTH,
    "book_id": PARTITION_ID_LENGTH,
    "security_id": PARTITION_ID_LENGTH,
    "idempotency_key": TRADE_ID_LENGTH,
}
_TIMESTAMPS = ("trade_timestamp", "booking_timestamp", "entry_timestamp")


def validate(document: Any, today: date) -> tuple[Trade | None, list[Problem]]:
    """Return the trade of a decoded document and no problems, or None and all its problems.

    Args:
        document: a decoded JSON value in the full form (see `document.expand_compact_lots`).
        today: the current date in UTC; a trade date may be one day later, for time zones east of
            UTC.
    """
    try:
        trade = msgspec.convert(document, Trade)
    except msgspec.ValidationError:
        problems = list(type_problems(document, Trade))
        if not isinstance(document, dict):
            return None, problems
        problems += _rule_problems(_valid_fields(document), today)
        problems += _measure_problems(document.get("tradeLots"))
        return None, problems
    problems = list(_rule_problems({n: getattr(trade, n) for n in _PATHS}, today))
    problems += _measure_problems(document["tradeLots"])
    return (None, problems) if problems else (trade, [])


def _valid_fields(document: dict[str, Any]) -> dict[str, Any]:
    """Return those fields of a document that have the right type, though others have not."""
    valid: dict[str, Any] = {}
    for field in msgspec.structs.fields(Trade):
        try:
            valid[field.name] = msgspec.convert(document.get(field.encode_name), field.type)
        except msgspec.ValidationError:
            continue
    return valid


def _rule_problems(fields: dict[str, Any], today: date) -> Iterator[Problem]:
    for name, length in _IDS.items():
        if text := fields.get(name):
            yield from _id_problems(_PATHS[name], text, length)
    security_id = fields.get("security_id") or ""
    if has_isin_form(security_id) and not has_valid_check_digit(security_id):
        yield Problem(
            "$.securityId", f"{security_id} looks like an ISIN but its check digit is wrong"
        )
    if (trade_date := fields.get("trade_date")) is not None:
        yield from _trade_date_problems(trade_date, today)
    for name in _TIMESTAMPS:
        text = fields.get(name)
        if text is not None and not _is_timestamp(text, allow_date=name == "entry_timestamp"):
            yield Problem(
                _PATHS[name], f"{text!r} is not an RFC 3339 timestamp: give 2026-01-31T09:30:00Z"
            )


def _id_problems(path: str, text: str, length: int) -> Iterator[Problem]:
    # Ids become Redis keys and database keys. SQL Server ignores trailing spaces in comparisons, so
    # two ids could become one trade there. So spaces around an id are refused everywhere.
    if not text.isprintable():
        yield Problem(path, "must hold printable characters only")
    elif text != text.strip():
        yield Problem(path, "must not begin or end with a space")
    elif utf16_length(text) > length:
        yield Problem(
            path,
            f"must hold at most {length} characters: one above U+FFFF, such as an emoji, counts as "
            "two",
        )


def _trade_date_problems(text: str, today: date) -> Iterator[Problem]:
    day = _date_of(text)
    if day is None:
        yield Problem("$.tradeDate", f"{text!r} is not a date: give YYYY-MM-DD")
    elif day > today + timedelta(days=1):
        yield Problem("$.tradeDate", f"{text} is in the future: tomorrow (UTC) is the latest")


def _measure_problems(value: Any, path: str = "$.tradeLots") -> Iterator[Problem]:
    """Yield the problems of quantities and prices, even in lots that have other problems too."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _measure_problems(item, f"{path}[{index}]")
    elif isinstance(value, dict) and "value" in value:
        if not _is_exact(value["value"]):
            yield Problem(
                f"{path}.value",
                f"must be a number of at most {MAX_DIGITS} digits with {MAX_DECIMALS} decimals",
            )
        if _lacks_unit(value.get("unit")):
            yield Problem(f"{path}.unit", "give a currency or a financialUnit")
    elif isinstance(value, dict):
        for name in ("priceQuantity", "quantity", "price"):
            if name in value:
                yield from _measure_problems(value[name], f"{path}.{name}")


def _is_exact(value: Any) -> bool:
    """Return whether a number is within the limits; True for values that are no numbers."""
    if isinstance(value, str):
        # JSON's own grammar: Decimal would also read "1_000", " 1" and "Infinity".
        return _NUMBER.fullmatch(value) is not None and is_within_limits(Decimal(value))
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return is_within_limits(Decimal(value))
    return True


def is_within_limits(value: Decimal) -> bool:
    """Return whether a value fits into 28 digits with 8 decimals, without rounding."""
    if not value.is_finite() or not -_EXACT.prec < value.adjusted() < MAX_DIGITS - MAX_DECIMALS:
        return False
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -MAX_DECIMALS:
        try:
            exponent = value.normalize(_EXACT).as_tuple().exponent
        except Inexact:
            return False
        return isinstance(exponent, int) and exponent >= -MAX_DECIMALS
    return True


def _lacks_unit(unit: Any) -> bool:
    if isinstance(unit, dict):
        return not (unit.get("currency") or unit.get("financialUnit"))
    return isinstance(unit, str) and not unit


def _is_timestamp(text: str, *, allow_date: bool) -> bool:
    if allow_date and _date_of(text) is not None:
        return True
    if _RFC_3339.fullmatch(text) is None:
        return False
    try:
        datetime.fromisoformat(text[:19].upper().replace(" ", "T"))
    except ValueError:
        return False
    return True


def _date_of(text: str) -> date | None:
    if _DATE.fullmatch(text) is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
