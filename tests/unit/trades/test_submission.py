"""Submissions: the bytes of a valid trade are kept as received; everything else is refused."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support.builders import LEFT_OUT, PARTITION, TODAY, lot, trade_json
from tests.support.builders.strategies import json_values, nearly_valid_trades, printable
from tradecapture.trades.document import decode, encode
from tradecapture.trades.problems import Problem
from tradecapture.trades.submission import Invalid, Submission, read_submission
from tradecapture.trades.validation import validate


def read(body: bytes, **beside: Any) -> Submission:
    """Read a trade that must be valid."""
    answer = read_submission(body, TODAY, **beside)
    assert isinstance(answer, Submission), answer
    return answer


def refused(body: bytes, **beside: Any) -> list[Problem]:
    """Return the problems of a trade that must be refused."""
    answer = read_submission(body, TODAY, **beside)
    assert isinstance(answer, Invalid), answer
    return list(answer.problems)


def test_a_valid_trade_is_kept_byte_for_byte() -> None:
    """White space, key order, number spelling and unknown fields stay as they came."""
    body = b" \n" + trade_json(zz=[1.50, "1.50"], somethingNew={"a": None}) + b"\n "
    assert read(body).document is body


def test_its_keys_are_read_from_the_trade() -> None:
    """The partition key, the id and what came beside the trade are there."""
    answer = read(trade_json(), correlation_id="c-1", callback_url="https://desk.example/done")
    assert answer.partition_key == PARTITION
    assert (answer.trade_id, len(answer.digest)) == ("T-1", 32)
    assert (answer.correlation_id, answer.callback_url) == ("c-1", "https://desk.example/done")


def test_compact_lots_are_stored_in_full() -> None:
    """The document of a trade with compact lots has the full form and every other field."""
    compact = {
        "lotIdentifier": "LOT-7",
        "priceQuantity": {"quantity": 1000, "unitOfAmount": {"currency": "USD"}},
    }
    document = decode(read(trade_json(tradeLots=[compact], mine="kept")).document)
    (pair,) = document["tradeLots"][0]["priceQuantity"]
    assert pair["quantity"] == [{"value": 1000, "unit": {"currency": "USD"}}]
    assert document["mine"] == "kept"


def test_a_compact_lot_and_its_full_form_are_one_trade() -> None:
    """A client that changes the form of its lots resends, it does not conflict."""
    compact = {
        "lotIdentifier": "LOT-7",
        "priceQuantity": {"quantity": "5", "unitOfAmount": {"currency": "USD"}},
    }
    full = {
        "lotIdentifier": [{"identifier": "LOT-7", "identifierType": "LOT"}],
        "priceQuantity": [{"quantity": [{"value": 5, "unit": {"currency": "USD"}}]}],
    }
    assert read(trade_json(tradeLots=[compact])).digest == read(trade_json(tradeLots=[full])).digest


def test_the_requests_idempotency_key_is_written_into_the_trade() -> None:
    """A trade's own key wins over the request's; neither changes the digest."""
    given_one = read(trade_json(), idempotency_key="k-1")
    assert decode(given_one.document)["idempotencyKey"] == "k-1"
    own = trade_json(idempotencyKey="own")
    assert read(own, idempotency_key="k-1").document == own
    assert given_one.digest == read(own).digest


@pytest.mark.parametrize("key", ["k" * 101, "line\nbreak", " "])
def test_the_requests_idempotency_key_obeys_the_trades_rules(key: str) -> None:
    """Or the trade would be accepted, and then fail in every capture."""
    assert [problem.path for problem in refused(trade_json(), idempotency_key=key)] == [
        "$.idempotencyKey"
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("correlation_id", "c" * 129),
        ("correlation_id", "\x00"),
        ("callback_url", "u" * 2001),
        ("correlation_id", "\U0001f98a" * 65),
    ],
)
def test_what_comes_beside_a_trade_must_fit_the_ledger(name: str, text: str) -> None:
    """Or the trade would be accepted, and then fail in every capture."""
    (problem,) = refused(trade_json(), **{name: text})
    assert problem.path == {"correlation_id": "correlationId", "callback_url": "callbackUrl"}[name]


def test_a_trade_that_is_refused_keeps_its_id() -> None:
    """So that a batch's sender knows which one it was."""
    answer = read_submission(trade_json(source="FAX"), TODAY)
    assert isinstance(answer, Invalid)
    assert answer.trade_id == "T-1"
    nameless = read_submission(trade_json(tradeId=7), TODAY)
    assert isinstance(nameless, Invalid)
    assert nameless.trade_id is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"tradeId": "\\ud800"}'])
def test_broken_json_is_one_problem_of_the_whole(body: bytes) -> None:
    """The message says that it is not JSON, and where it breaks."""
    (problem,) = refused(body)
    assert problem.path == "$"
    assert problem.message.startswith("is not JSON: ")


def test_deep_nesting_is_refused() -> None:
    """A trade that a worker with a fuller stack could not decode is never accepted."""
    deep = b"[" * 900 + b"]" * 900
    (problem,) = refused(trade_json()[:-1] + b',"metadata":{"a":' + deep + b"}}")
    assert problem == Problem("$", "is nested deeper than 64 levels")


@given(st.binary(max_size=60))
def test_bytes_of_any_kind_are_refused_never_raised(body: bytes) -> None:
    """Whatever arrives, the answer is a value."""
    assert refused(body)


@given(json_values)
def test_any_json_is_refused_never_raised(document: Any) -> None:
    """Whatever JSON arrives, the answer is a value."""
    assert refused(encode(document))


@given(nearly_valid_trades())
@example({"tradeLots": [{"priceQuantity": {"quantity": {"value": {}}}}]})
def test_an_accepted_trade_is_valid_as_stored(document: Any) -> None:
    """The document that a worker will read passes the same checks, and has the same digest."""
    answer = read_submission(encode(document), TODAY)
    if isinstance(answer, Submission):
        stored, problems = validate(decode(answer.document), TODAY)
        assert stored is not None, problems
        again = read(answer.document)
        assert (again.digest, again.partition_key) == (answer.digest, answer.partition_key)


@given(printable)
def test_unknown_fields_keep_any_text(text: str) -> None:
    """Unicode in a field that nobody knows comes out as it went in."""
    document = decode(read(trade_json(note={"text": text})).document)
    assert document["note"] == {"text": text}


def test_a_missing_price_is_valid() -> None:
    """A lot may have quantities without prices."""
    bare = lot()
    del bare["priceQuantity"][0]["price"]
    assert read(trade_json(tradeLots=[bare], metadata=LEFT_OUT)).trade_id == "T-1"
