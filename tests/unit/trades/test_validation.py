"""Validation: each rule of the HTTP contract, all problems at once, each with its path."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.builders import LEFT_OUT, TODAY, lot, trade
from tests.support.builders.strategies import exact_values, json_values, nearly_valid_trades
from tradecapture.trades.document import Document
from tradecapture.trades.problems import Problem
from tradecapture.trades.trade import Trade, Unit
from tradecapture.trades.validation import is_within_limits, validate

TOMORROW = (TODAY + timedelta(days=1)).isoformat()
QUANTITY = "$.tradeLots[0].priceQuantity[0].quantity[0]"


def problems_of(**changes: Any) -> list[Problem]:
    """Return what is wrong with a trade whose fields are changed so."""
    read, problems = validate(trade(**changes), TODAY)
    assert (read is None) == bool(problems)
    return problems


def paths_of(**changes: Any) -> list[str]:
    """Return where a trade whose fields are changed so is wrong."""
    return [problem.path for problem in problems_of(**changes)]


def measured(**changes: Any) -> list[Document]:
    """Return lots whose one quantity is changed so."""
    measure = {"value": 1, "unit": "Shares", **changes}
    kept = {name: value for name, value in measure.items() if value is not LEFT_OUT}
    return [{"priceQuantity": [{"quantity": [kept]}]}]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tradeId", "x" * 100),
        ("tradeId", "trade 1/ä #7"),
        ("tradeId", "\U0001f98a" * 50),  # foxes: each counts as two
        ("idempotencyKey", "\U0001f98a" * 50),
        ("accountId", "\U0001f98a" * 25),
        ("bookId", "本" * 50),
        ("idempotencyKey", "key-1"),
        ("idempotencyKey", None),
        ("accountId", "A_B~C"),
        ("accountId", "y" * 50),
        ("securityId", "AAPL"),
        ("securityId", "not-an-isin"),
        ("source", "MANUAL"),
        ("tradeDate", TOMORROW),
        ("tradeDate", "1999-12-31"),
        ("tradeTimestamp", "2026-01-15T09:30:00Z"),
        ("tradeTimestamp", "2026-01-15T09:30:00.123456789+05:30"),
        ("bookingTimestamp", "2026-01-15t09:30:00z"),
        ("entryTimestamp", "2026-01-15"),
        ("entryTimestamp", "2026-01-15T09:30:00-04:00"),
        ("enteredBy", "trader07"),
        ("counterpartyIds", []),
        ("counterpartyIds", ["CP1", "CP2"]),
        ("tradeLots", [lot(), lot()]),
        ("tradeLots", [lot(lotIdentifier=[{"identifier": "L"}])]),
        ("tradeLots", measured()),
        ("tradeLots", measured(value="0.00000001")),
        ("tradeLots", measured(value=-5)),
        ("tradeLots", measured(value=Decimal("12345678901234567890.12345678"))),
        ("tradeLots", measured(unit="USD")),
        ("tradeLots", measured(unit="Shares")),
        ("tradeLots", measured(unit={"currency": "USD"})),
        ("tradeLots", measured(unit=LEFT_OUT)),
        ("sequenceNumber", 1),
        ("metadata", {"a": [1, "2", None, {"b": True}]}),
        ("somethingNew", {"kept": True}),
    ],
)
def test_what_the_contract_allows_is_valid(field: str, value: Any) -> None:
    """Each of these is a valid trade, down to the limits."""
    assert problems_of(**{field: value}) == []


@pytest.mark.parametrize(
    "field",
    [
        "tradeId",
        "accountId",
        "bookId",
        "securityId",
        "source",
        "tradeDate",
        "counterpartyIds",
        "tradeLots",
    ],
)
@pytest.mark.parametrize("value", [LEFT_OUT, None, 17, True])
def test_a_required_field_is_required(field: str, value: Any) -> None:
    """Without it, or with null or a value of another type, the trade is refused at that path."""
    assert paths_of(**{field: value}) == [f"$.{field}"]


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("tradeId", "", "$.tradeId"),
        ("tradeId", "x" * 101, "$.tradeId"),
        ("tradeId", "\U0001f98a" * 51, "$.tradeId"),
        ("idempotencyKey", "\U0001f98a" * 50 + "x", "$.idempotencyKey"),
        ("accountId", "\U0001f98a" * 26, "$.accountId"),
        ("bookId", "\U0001f98a" * 50, "$.bookId"),
        ("securityId", "\U0001f98a" * 25 + "x", "$.securityId"),
        ("tradeId", "line\nbreak", "$.tradeId"),
        ("tradeId", "nul\x00", "$.tradeId"),
        ("tradeId", "zero\u200bwidth", "$.tradeId"),
        ("tradeId", "T-1 ", "$.tradeId"),
        ("idempotencyKey", "\t", "$.idempotencyKey"),
        ("idempotencyKey", "x" * 101, "$.idempotencyKey"),
        ("accountId", "y" * 51, "$.accountId"),
        ("bookId", " B", "$.bookId"),
        ("securityId", "US0378331006", "$.securityId"),
        ("source", "FAX", "$.source"),
        ("source", "automated", "$.source"),
        ("tradeDate", (TODAY + timedelta(days=2)).isoformat(), "$.tradeDate"),
        ("tradeDate", "2026-02-30", "$.tradeDate"),
        ("tradeDate", "20260115", "$.tradeDate"),
        ("tradeDate", "2026-01-15T00:00:00Z", "$.tradeDate"),
        ("tradeDate", "\u0662\u0660\u0662\u0666-01-15", "$.tradeDate"),  # Arabic digits
        ("tradeTimestamp", "2026-01-15", "$.tradeTimestamp"),
        ("tradeTimestamp", "2026-01-15T09:30:00", "$.tradeTimestamp"),
        ("bookingTimestamp", "2026-13-15T09:30:00Z", "$.bookingTimestamp"),
        ("entryTimestamp", "yesterday", "$.entryTimestamp"),
        ("counterpartyIds", "CP1", "$.counterpartyIds"),
        ("counterpartyIds", ["CP1", 2], "$.counterpartyIds[1]"),
        ("tradeLots", [], "$.tradeLots"),
        ("tradeLots", {}, "$.tradeLots"),
        ("tradeLots", ["lot"], "$.tradeLots[0]"),
        ("tradeLots", [{}], "$.tradeLots[0].priceQuantity"),
        ("tradeLots", [lot(), {"priceQuantity": []}], "$.tradeLots[1].priceQuantity"),
        ("tradeLots", [{"priceQuantity": [{}]}], "$.tradeLots[0].priceQuantity[0].quantity"),
        ("tradeLots", [lot(lotIdentifier=[{}])], "$.tradeLots[0].lotIdentifier[0].identifier"),
        ("tradeLots", measured(value=LEFT_OUT), f"{QUANTITY}.value"),
        ("tradeLots", measured(value=None), f"{QUANTITY}.value"),
        ("tradeLots", measured(value=True), f"{QUANTITY}.value"),
        ("tradeLots", measured(value="a lot"), f"{QUANTITY}.value"),
        ("tradeLots", measured(value="NaN"), f"{QUANTITY}.value"),
        ("tradeLots", measured(value="-Infinity"), f"{QUANTITY}.value"),
        ("tradeLots", measured(value="0.000000001"), f"{QUANTITY}.value"),
        ("tradeLots", measured(value=10**20), f"{QUANTITY}.value"),
        ("tradeLots", measured(unit=""), f"{QUANTITY}.unit"),
        ("tradeLots", measured(unit={}), f"{QUANTITY}.unit"),
        ("tradeLots", measured(unit={"currency": 5}), f"{QUANTITY}.unit"),
        ("sequenceNumber", 0, "$.sequenceNumber"),
        ("sequenceNumber", "1", "$.sequenceNumber"),
        ("sequenceNumber", Decimal("1.5"), "$.sequenceNumber"),
        ("metadata", [], "$.metadata"),
        ("enteredBy", 7, "$.enteredBy"),
    ],
)
def test_what_the_contract_forbids_is_refused_at_its_path(
    field: str, value: Any, path: str
) -> None:
    """One thing is wrong, and one problem names the place."""
    assert paths_of(**{field: value}) == [path]


@pytest.mark.parametrize("document", [None, [], "trade", 7, True])
def test_a_trade_must_be_an_object(document: Any) -> None:
    """Other JSON is refused as a whole."""
    read, problems = validate(document, TODAY)
    assert read is None
    assert [problem.path for problem in problems] == ["$"]


def test_all_problems_are_reported_at_once() -> None:
    """Wrong types, missing fields and broken rules, in lots too, come in one answer."""
    lots = [lot(value="1.123456789"), {"priceQuantity": [{"quantity": [{"value": "many"}]}]}]
    paths = paths_of(
        tradeId=LEFT_OUT,
        accountId=7,
        bookId=" B",
        securityId="US0378331006",
        source="FAX",
        tradeDate="2026-02-30",
        tradeTimestamp="noon",
        tradeLots=lots,
        sequenceNumber=0,
    )
    assert sorted(paths) == [
        "$.accountId",
        "$.bookId",
        "$.securityId",
        "$.sequenceNumber",
        "$.source",
        "$.tradeDate",
        "$.tradeId",
        "$.tradeLots[0].priceQuantity[0].quantity[0].value",
        "$.tradeLots[1].priceQuantity[0].quantity[0].value",
        "$.tradeTimestamp",
    ]


def test_a_problem_says_what_to_do() -> None:
    """Messages name the value and what to give instead."""
    messages = [problem.message for problem in problems_of(tradeDate="1/2/26", tradeTimestamp="x")]
    assert messages == [
        "'1/2/26' is not a date: give YYYY-MM-DD",
        "'x' is not an RFC 3339 timestamp: give 2026-01-31T09:30:00Z",
    ]


def test_a_character_that_counts_twice_is_said_to() -> None:
    """Somebody who has counted fifty emoji is told why that is too long."""
    (problem,) = problems_of(accountId="\U0001f98a" * 50)
    assert problem.message == (
        "must hold at most 50 characters: one above U+FFFF, such as an emoji, counts as two"
    )


def test_a_valid_trade_is_typed_and_exact() -> None:
    """The trade has its values as exact decimals and its units as given."""
    read, problems = validate(trade(tradeLots=[lot(value=Decimal("0.1"), price="0.3")]), TODAY)
    assert problems == []
    assert isinstance(read, Trade)
    (pair,) = read.trade_lots[0].price_quantity
    assert str(pair.quantity[0].value) == "0.1"
    assert str(pair.price[0].value) == "0.3"
    assert pair.price[0].unit == Unit(currency="USD")


@given(exact_values)
def test_each_value_within_the_limits_fits(value: Decimal) -> None:
    """28 digits with 8 decimals fit, however they are written."""
    assert is_within_limits(value)
    assert is_within_limits(Decimal(f"{value:f}" + ("000" if "." in f"{value:f}" else ".000")))


@given(exact_values.filter(bool))
def test_one_digit_more_does_not_fit(value: Decimal) -> None:
    """A ninth decimal, or a twenty-first digit before the point, is refused."""
    assert not is_within_limits(value * 10**28)
    assert not is_within_limits(Decimal(f"{value:.8f}1"))


@pytest.mark.parametrize("text", ["1E-9999999", "1." + "0" * 150 + "1", "0E-9999999", "1E+9999"])
def test_a_value_beyond_all_measure_does_not_fit(text: str) -> None:
    """A value is never rounded on the way to a decision, nor written out in a million digits."""
    assert not is_within_limits(Decimal(text))


def test_zeros_behind_the_last_decimal_do_not_count() -> None:
    """1.000 with any number of zeros is 1."""
    assert is_within_limits(Decimal("1." + "0" * 150))
    assert is_within_limits(Decimal("0.000000000"))
    assert is_within_limits(Decimal("-0"))


@given(json_values)
@example({"tradeLots": [{"priceQuantity": [{"quantity": [{"value": Decimal("1E-9999999")}]}]}]})
def test_junk_is_refused_never_raised(document: Any) -> None:
    """Whatever JSON comes, the answer is problems with paths, not an exception."""
    read, problems = validate(document, TODAY)
    assert read is None
    assert problems
    assert all(problem.path.startswith("$") and problem.message for problem in problems)


@given(nearly_valid_trades())
def test_junk_inside_a_trade_is_refused_or_harmless(document: Any) -> None:
    """Junk at any place of a trade gives a trade or problems, never both, never an exception."""
    read, problems = validate(document, TODAY)
    assert (read is None) == bool(problems)
    assert len(set(problems)) == len(problems)


@given(st.sampled_from(["tradeId", "accountId", "bookId", "securityId"]), st.text(min_size=1))
def test_a_valid_id_is_printable_and_trimmed(field: str, text: str) -> None:
    """An id that is let through can be printed, and no two ids differ by outer spaces only."""
    if not problems_of(**{field: text}):
        assert text.isprintable()
        assert text == text.strip()


@pytest.mark.parametrize("text", ["1_000", " 1", "1 ", "+1", ".5", "1.", "NaN", "Infinity", "abc"])
def test_a_value_in_text_follows_the_grammar_of_json_numbers(text: str) -> None:
    """What only Python would read as a number is refused once, with its path."""
    document = trade()
    document["tradeLots"][0]["priceQuantity"][0]["quantity"][0]["value"] = text
    found, problems = validate(document, TODAY)
    assert found is None
    assert [problem.path for problem in problems] == [
        "$.tradeLots[0].priceQuantity[0].quantity[0].value"
    ]
