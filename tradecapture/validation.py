"""Validation: every problem of a trade at once, each with its JSON path and what to do."""

import re
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Context, Decimal, Inexact
from typing import Any, NamedTuple, get_args, get_origin

import msgspec
from msgspec import Struct

from tradecapture.isin import has_right_check_digit, looks_like_isin
from tradecapture.trade import Measure, Trade

VALUE_DIGITS = 28  # digits of a quantity or price, at most; from the HTTP contract
VALUE_DECIMALS = 8  # of which decimals, at most; same source

_RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)


# Longer numbers than this would be rounded; Inexact refuses them instead.
_EXACT = Context(prec=100, traps=[Inexact])
_PATHS = {field.name: f"$.{field.encode_name}" for field in msgspec.structs.fields(Trade)}
_IDS = ("trade_id", "account_id", "book_id", "security_id", "idempotency_key")
_TIMESTAMPS = ("trade_timestamp", "booking_timestamp", "entry_timestamp")


class Problem(NamedTuple):
    """One thing wrong with a trade: where (a JSON path) and what to do about it."""

    path: str
    message: str


def check(document: Any, today: date) -> tuple[Trade | None, list[Problem]]:
    """Return the trade of a decoded document, or None and every problem that it has.

    Args:
        document: a decoded JSON value in the full form (see `document.expand_compact_lots`).
        today: the current date in UTC; a trade date may be one day later, for clients east of it.
    """
    try:
        trade = msgspec.convert(document, Trade)
    except msgspec.ValidationError:
        problems = list(_shape_problems(document, Trade, "$"))
        if not isinstance(document, dict):
            return None, problems
        problems += _rule_problems(_sound_fields(document), today)
        problems += _measure_problems(_sound_measures(document.get("tradeLots")))
        return None, problems
    problems = list(_rule_problems({n: getattr(trade, n) for n in _PATHS}, today))
    problems += _measure_problems(_measures(trade))
    return (None, problems) if problems else (trade, [])


def _shape_problems(value: Any, kind: Any, path: str) -> Iterator[Problem]:
    """Descend to each innermost place where a value does not have the type that is asked for."""
    try:
        msgspec.convert(value, kind)
        return
    except msgspec.ValidationError as error:
        message = str(error)
    inner = _unwrap(kind)
    if isinstance(inner, type) and issubclass(inner, Struct) and isinstance(value, dict):
        for field in msgspec.structs.fields(inner):
            at = f"{path}.{field.encode_name}"
            if field.encode_name in value:
                yield from _shape_problems(value[field.encode_name], field.type, at)
            elif field.required:
                yield Problem(at, "is required")
    elif get_origin(inner) is tuple and isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from _shape_problems(item, get_args(inner)[0], f"{path}[{index}]")
    else:
        yield Problem(path, message[0].lower() + message[1:].split(" - at `$", maxsplit=1)[0])


def _unwrap(kind: Any) -> Any:
    """Return the type inside Annotated[...] and `... | None`."""
    while True:
        options = [option for option in get_args(kind) if option is not type(None)]
        if hasattr(kind, "__metadata__"):
            kind = kind.__origin__
        elif type(None) in get_args(kind) and len(options) == 1:
            kind = options[0]
        else:
            return kind


def _sound_fields(document: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a misshapen document that are sound by themselves."""
    sound: dict[str, Any] = {}
    for field in msgspec.structs.fields(Trade):
        try:
            sound[field.name] = msgspec.convert(document.get(field.encode_name), field.type)
        except msgspec.ValidationError:
            continue
    return sound


def _rule_problems(fields: dict[str, Any], today: date) -> Iterator[Problem]:
    for name in _IDS:
        if text := fields.get(name):
            yield from _id_problems(_PATHS[name], text)
    security_id = fields.get("security_id") or ""
    if looks_like_isin(security_id) and not has_right_check_digit(security_id):
        yield Problem(
            "$.securityId", f"{security_id} looks like an ISIN but its check digit is wrong"
        )
    if (trade_date := fields.get("trade_date")) is not None:
        yield from _trade_date_problems(trade_date, today)
    for name in _TIMESTAMPS:
        text = fields.get(name)
        if text is not None and not _is_timestamp(text, date_will_do=name == "entry_timestamp"):
            yield Problem(
                _PATHS[name], f"{text!r} is not an RFC 3339 timestamp: give 2026-01-31T09:30:00Z"
            )


def _id_problems(path: str, text: str) -> Iterator[Problem]:
    # Ids become Redis keys and database keys. SQL Server ignores trailing spaces when it compares,
    # so two such ids would be one trade there: surrounding white space is refused everywhere.
    if not text.isprintable():
        yield Problem(path, "must hold printable characters only")
    elif text != text.strip():
        yield Problem(path, "must not begin or end with a space")


def _trade_date_problems(text: str, today: date) -> Iterator[Problem]:
    day = _date_of(text)
    if day is None:
        yield Problem("$.tradeDate", f"{text!r} is not a date: give YYYY-MM-DD")
    elif day > today + timedelta(days=1):
        yield Problem("$.tradeDate", f"{text} is in the future: tomorrow (UTC) is the latest")


def _measures(trade: Trade) -> Iterator[tuple[str, Measure]]:
    for number, lot in enumerate(trade.trade_lots):
        for index, pair in enumerate(lot.price_quantity):
            path = f"$.tradeLots[{number}].priceQuantity[{index}]"
            for place, measure in enumerate(pair.quantity):
                yield f"{path}.quantity[{place}]", measure
            for place, measure in enumerate(pair.price):
                yield f"{path}.price[{place}]", measure


def _sound_measures(value: Any, path: str = "$.tradeLots") -> Iterator[tuple[str, Measure]]:
    """Find the measures that are sound by themselves, inside lots of which something is not."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _sound_measures(item, f"{path}[{index}]")
    elif isinstance(value, dict) and "value" in value:
        try:
            yield path, msgspec.convert(value, Measure)
        except msgspec.ValidationError:
            return
    elif isinstance(value, dict):
        for name in ("priceQuantity", "quantity", "price"):
            yield from _sound_measures(value.get(name), f"{path}.{name}")


def _measure_problems(measures: Iterator[tuple[str, Measure]]) -> Iterator[Problem]:
    for path, measure in measures:
        if not fits(measure.value):
            yield Problem(
                f"{path}.value",
                f"must be a number of at most {VALUE_DIGITS} digits with {VALUE_DECIMALS} decimals",
            )
        if _names_no_unit(measure):
            yield Problem(f"{path}.unit", "give a currency or a financialUnit")


def fits(value: Decimal) -> bool:
    """Return whether a value is exact within 28 digits with 8 decimals."""
    if not value.is_finite() or not -_EXACT.prec < value.adjusted() < VALUE_DIGITS - VALUE_DECIMALS:
        return False
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -VALUE_DECIMALS:
        try:
            exponent = value.normalize(_EXACT).as_tuple().exponent
        except Inexact:
            return False
        return isinstance(exponent, int) and exponent >= -VALUE_DECIMALS
    return True


def _names_no_unit(measure: Measure) -> bool:
    unit = measure.unit
    if unit is None:
        return False
    if isinstance(unit, str):
        return not unit
    return not (unit.currency or unit.financial_unit)


def _is_timestamp(text: str, *, date_will_do: bool) -> bool:
    if date_will_do and _date_of(text) is not None:
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
