"""What is wrong with a decoded JSON value: each place with a wrong type, in plain words."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec
from msgspec import Struct

# What msgspec calls a kind of value, and what users read.
_WORDS = {
    "str": "text",
    "int": "a whole number",
    "float": "a number with decimals",
    "decimal": "a number with decimals",
    "bool": "true or false",
    "null": "null",
    "array": "an array",
    "object": "an object",
}
_OTHER_KIND = re.compile(r"Expected `(?P<expected>[^`]+)`, got `(?P<actual>\w+)`")
_LENGTH = re.compile(r"Expected `(?P<kind>str|array)` of length (?P<sign><=|>=) (?P<length>\d+)")
_RANGE = re.compile(r"Expected `int` (?P<sign><=|>=) (?P<limit>-?\d+)")


class Problem(NamedTuple):
    """One thing wrong with a trade: where (a JSON path) and what to do about it."""

    path: str
    message: str


def type_problems(value: Any, kind: Any, path: str = "$") -> Iterator[Problem]:
    """Yield a problem for each innermost place where a value does not have the expected type.

    Args:
        value: a decoded JSON value.
        kind: the expected type.
        path: the JSON path of the value.
    """
    try:
        msgspec.convert(value, kind)
        return
    except msgspec.ValidationError as error:
        message = str(error)
    inner = _unwrap(kind)
    if isinstance(inner, type) and issubclass(inner, Struct) and isinstance(value, dict):
        for field in msgspec.structs.fields(inner):
            field_path = f"{path}.{field.encode_name}"
            if field.encode_name in value:
                yield from type_problems(value[field.encode_name], field.type, field_path)
            elif field.required:
                yield Problem(field_path, "is required")
    elif get_origin(inner) is tuple and isinstance(value, list) and value:
        for index, item in enumerate(value):
            yield from type_problems(item, get_args(inner)[0], f"{path}[{index}]")
    elif get_origin(inner) is Literal:
        yield Problem(path, f"must be {' or '.join(get_args(inner))}")
    # Text that is not a number is left to `validation`, which is stricter than the type.
    elif not (inner is Decimal and isinstance(value, str)):
        yield Problem(path, _in_words(message))


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


def _in_words(message: str) -> str:
    """Return the message of msgspec in words without terms of Python."""
    if other := _OTHER_KIND.match(message):
        expected = [name for name in other["expected"].split(" | ") if name != "null"]
        actual = _WORDS.get(other["actual"], other["actual"])
        return f"must be {' or '.join(_WORDS.get(name, name) for name in expected)}, not {actual}"
    if length := _LENGTH.match(message):
        if length["sign"] == ">=":
            return "must not be empty"
        unit = "characters" if length["kind"] == "str" else "elements"
        return f"must have at most {length['length']} {unit}"
    if limits := _RANGE.match(message):
        return f"must be {'at least' if limits['sign'] == '>=' else 'at most'} {limits['limit']}"
    return message[0].lower() + message[1:].split(" - at `$", maxsplit=1)[0]
