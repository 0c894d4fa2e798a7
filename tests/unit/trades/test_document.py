"""The document: decimals digit for digit, and a digest of what a trade says, however written."""

import json
import random
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.builders import lot, trade
from tests.support.builders.strategies import exact_values, json_values
from tradecapture.trades.document import (
    MAX_NESTING_LEVELS,
    Document,
    decode,
    differing_fields,
    digest_of,
    encode,
    expand_compact_lots,
    is_nested_too_deeply,
)


def shuffled(value: Any, shuffle: random.Random) -> Any:
    """Return JSON with the keys of every object in another order."""
    if isinstance(value, dict):
        names = list(value)
        shuffle.shuffle(names)
        return {name: shuffled(value[name], shuffle) for name in names}
    return [shuffled(inner, shuffle) for inner in value] if isinstance(value, list) else value


@given(exact_values)
def test_a_decimal_goes_in_and_comes_out_digit_for_digit(value: Decimal) -> None:
    """A number has the digits and decimals that were written, through any rewriting."""
    written = f'{{"value":{value:f}}}'.encode()
    exact = Decimal(f"{value:f}").as_tuple()
    for body in (written, encode(decode(written))):
        read = decode(body)["value"]
        assert (read.as_tuple() if isinstance(read, Decimal) else read) in (exact, value)


def test_trailing_zeros_stay() -> None:
    """0.10 is written again as 0.10."""
    assert encode(decode(b"[0.10,100.00,-5]")) == b"[0.10,100.00,-5]"


@given(json_values)
def test_json_survives_a_round_trip(document: Any) -> None:
    """Whatever is decoded is encoded to the same again."""
    written = encode(document)
    assert encode(decode(written)) == written


def test_a_number_is_never_a_binary_float() -> None:
    """0.1 + 0.2 is 0.3 here."""
    document = decode(b'{"a": 0.1, "b": 0.2, "c": 1e3}')
    assert document["a"] + document["b"] == Decimal("0.3")
    assert type(document["c"]) is Decimal


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": 1e99999999999999999999}',
        b'{"a": "\xff"}',
        b'{"a": "\\ud800"}',
        b"[" * 100_000,
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": NaN}',
    ],
)
def test_what_is_not_json_is_one_kind_of_error(body: bytes) -> None:
    """Broken text, bytes that are no UTF-8, numbers and nestings beyond all measure."""
    with pytest.raises(msgspec.DecodeError):
        decode(body)


def test_nesting_is_bounded_well_below_the_stack() -> None:
    """64 levels pass; one more is found, whether it is of lists or of objects."""
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        for levels in (1, MAX_NESTING_LEVELS, MAX_NESTING_LEVELS + 1, 900):
            body = opening * levels + b"1" + closing * levels
            assert is_nested_too_deeply(body, decode(body)) == (levels > MAX_NESTING_LEVELS)
    broad = b"[" + b",".join([b"[]"] * 1000) + b"]"
    assert not is_nested_too_deeply(broad, decode(broad))


@given(st.randoms(use_true_random=False), st.integers(0, 4))
def test_key_order_and_white_space_do_not_change_the_digest(
    shuffle: random.Random, indent: int
) -> None:
    """The same content, written by another client's library, is the same trade."""
    document = trade(metadata={"b": [1, {"d": None, "c": True}], "a": "x"})
    rewritten = json.dumps(shuffled(document, shuffle), indent=indent).encode()
    assert digest_of(decode(rewritten)) == digest_of(document)


@pytest.mark.parametrize("spelling", [1000, "1000", "1000.0", "1000.00000000", "1E+3", "+1000"])
def test_the_spelling_of_a_value_does_not_change_the_digest(spelling: Any) -> None:
    """1000, "1000" and 1000.0 are one quantity."""
    assert digest_of(trade(tradeLots=[lot(value=spelling)])) == digest_of(trade())
    if isinstance(spelling, str):
        number = Decimal(spelling)
        assert digest_of(trade(tradeLots=[lot(value=number)])) == digest_of(trade())


@given(exact_values, exact_values)
def test_another_value_is_another_digest(one: Decimal, other: Decimal) -> None:
    """Quantities have one digest only if they are equal, down to the eighth decimal."""
    first, second = (digest_of(trade(tradeLots=[lot(value=value)])) for value in (one, other))
    assert (first == second) == (one == other)


def test_the_idempotency_key_is_no_part_of_the_content() -> None:
    """It names the request: a resend under another key is still the same trade."""
    assert digest_of(trade(idempotencyKey="a")) == digest_of(trade(idempotencyKey="b"))
    assert digest_of(trade(idempotencyKey="a")) == digest_of(trade())


@given(st.sampled_from(sorted(trade(metadata={}, enteredBy="x", future=1))), json_values)
@example("future", True)
@example("future", Decimal("1.0"))
def test_any_changed_field_changes_the_digest_and_is_named(field: str, value: Any) -> None:
    """Of two trades with other content the digests differ, and the differing field is named."""
    document = trade(metadata={}, enteredBy="x", future=1)
    changed = {**document, field: value}
    same = encode(changed[field]) == encode(document[field])
    assert (digest_of(changed) == digest_of(document)) == same
    assert differing_fields(document, changed) == ([] if same else [field])


def test_a_field_that_is_missing_differs_from_null() -> None:
    """Leaving a field out and giving null are told apart, and sorted into the others."""
    assert differing_fields(trade(zeta=None), trade(bookId="B2")) == ["bookId", "zeta"]


@pytest.mark.parametrize("value", ["sNaN", "NaN", "1E+9999999", "1E-9999999", Decimal("1E+999")])
def test_a_field_of_its_own_in_a_lot_may_hold_anything(value: Any) -> None:
    """A client's own field named `value` has a digest too, however odd it is."""
    odd = trade(tradeLots=[lot(note={"value": value})])
    assert digest_of(odd) == digest_of(odd)
    assert digest_of(odd) != digest_of(trade())


def test_a_compact_lot_is_written_in_full() -> None:
    """A bare identifier and a bare quantity get the full form; other fields of the lot stay."""
    compact: Document = {
        "tradeLots": [
            {
                "lotIdentifier": "LOT-7",
                "priceQuantity": {
                    "quantity": 1000,
                    "price": Decimal("1.50"),
                    "unitOfAmount": {"currency": "USD"},
                    "note": "kept",
                },
                "mine": 1,
            }
        ]
    }
    assert expand_compact_lots(compact)
    assert compact["tradeLots"] == [
        {
            "lotIdentifier": [{"identifier": "LOT-7", "identifierType": "LOT"}],
            "priceQuantity": [
                {
                    "note": "kept",
                    "quantity": [{"value": 1000, "unit": {"currency": "USD"}}],
                    "price": [{"value": Decimal("1.50"), "unit": {"currency": "USD"}}],
                }
            ],
            "mine": 1,
        }
    ]


@given(json_values)
def test_a_full_lot_and_junk_are_left_alone(junk: Any) -> None:
    """Nothing but a compact lot is rewritten, and nothing raises."""
    full = trade()
    assert not expand_compact_lots(full)
    assert full == trade()
    expand_compact_lots({"tradeLots": junk})
    expand_compact_lots({"tradeLots": [{"lotIdentifier": junk, "priceQuantity": junk}]})
