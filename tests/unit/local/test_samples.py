"""Sample trades: exact shares, same bytes for the same specification, valid unless made invalid."""

from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import islice
from random import Random
from typing import Any

import msgspec
import pytest

from tradecapture.local.samples.invalid import DEFECTS, Defect
from tradecapture.local.samples.partitions import sample_partitions
from tradecapture.local.samples.trades import RESEND_WINDOW_TRADES, SampleSpec, generate
from tradecapture.trades.document import Document, decode, encode
from tradecapture.trades.isin import has_isin_form, has_valid_check_digit
from tradecapture.trades.partition import split_partition_key
from tradecapture.trades.submission import Invalid, Submission, read_submission

TODAY = date(2026, 1, 15)
SPEC = SampleSpec(3000, 7, partitions=50, resends=0.05, invalid=0.04, today=TODAY)


def submissions(spec: SampleSpec) -> list[Submission | Invalid]:
    """Read every generated trade as the service would."""
    return [read_submission(body, TODAY) for body in generate(spec)]


def test_shares_are_exact() -> None:
    """The specification gives the exact numbers of all trades, resends and invalid trades."""
    bodies = list(generate(SPEC))
    assert len(bodies) == SPEC.trades
    assert len(bodies) - len(set(bodies)) == SPEC.resent_trades == 150
    refused = [read for read in submissions(SPEC) if isinstance(read, Invalid)]
    assert len(refused) == SPEC.invalid_trades == 120


def test_trade_ids_are_unique_but_for_resends() -> None:
    """Each trade that is not a resend has its own id, also if it is invalid."""
    ids = Counter(read.trade_id for read in submissions(SPEC))
    assert None not in ids
    assert len(ids) == SPEC.trades - SPEC.resent_trades


def test_resends_repeat_a_recent_valid_trade() -> None:
    """A resend equals, byte for byte, one of the last valid trades sent before it."""
    sent: list[bytes] = []
    for body in generate(SPEC):
        if body in sent:
            assert body in sent[-RESEND_WINDOW_TRADES:]
            assert isinstance(read_submission(body, TODAY), Submission)
        elif isinstance(read_submission(body, TODAY), Submission):
            sent.append(body)


def test_same_specification_gives_same_bytes() -> None:
    """The specification decides every byte; another seed gives different trade ids."""
    first = list(generate(SPEC))
    assert first == list(generate(SPEC))
    ids = {decode(body)["tradeId"] for body in first}
    others = {decode(body)["tradeId"] for body in generate(replace(SPEC, seed=8))}
    assert not ids & others


def test_trades_are_one_line_each() -> None:
    """A trade contains no line break, so that one trade a line is NDJSON."""
    assert not any(b"\n" in body for body in generate(SPEC))


@pytest.mark.parametrize("defect", DEFECTS)
def test_each_defect_is_refused(defect: Defect) -> None:
    """Every defect makes a valid trade invalid, whatever it draws, and keeps the trade's id."""
    random = Random(3)
    for body in generate(replace(SPEC, trades=50, resends=0, invalid=0)):
        trade: Document = decode(body)
        defect(trade, random)
        read = read_submission(encode(trade), TODAY)
        assert isinstance(read, Invalid)
        assert read.trade_id == trade["tradeId"]


def test_trades_are_varied() -> None:
    """Compact lots, text and number values, sells, manual entries and several lots all occur."""
    documents = [decode(body) for body in generate(replace(SPEC, resends=0, invalid=0))]
    lots = [lot for document in documents for lot in document["tradeLots"]]
    assert {len(document["tradeLots"]) for document in documents} == {1, 2, 3}
    assert {document["source"] for document in documents} == {"AUTOMATED", "MANUAL"}
    assert all(("enteredBy" in d) == (d["source"] == "MANUAL") for d in documents)
    assert any(isinstance(lot["lotIdentifier"], str) for lot in lots)
    quantities = [
        lot["priceQuantity"][0]["quantity"][0]["value"]
        for lot in lots
        if isinstance(lot["priceQuantity"], list)
    ]
    assert {type(quantity).__name__ for quantity in quantities} == {"int", "Decimal", "str"}
    assert any(str(quantity).startswith("-") for quantity in quantities)


def test_partitions_are_distinct_and_escaped() -> None:
    """Partitions differ, securities are valid ISINs of several countries, some keys are escaped."""
    partitions = sample_partitions(500, Random(1))
    assert len({(p.account_id, p.book_id, p.security_id) for p in partitions}) == 500
    assert all(has_isin_form(p.security_id) for p in partitions)
    assert all(has_valid_check_digit(p.security_id) for p in partitions)
    assert len({p.security_id[:2] for p in partitions}) > 3
    keys = {read.partition_key for read in submissions(SPEC) if isinstance(read, Submission)}
    assert any("~1" in key for key in keys)
    assert any("~" not in key for key in keys)
    assert all(split_partition_key(key) for key in keys)


def test_skew_decides_the_spread() -> None:
    """Skew 0 spreads trades evenly; skew 1 gives the first of 50 partitions a fifth of them."""

    def largest(skew: float) -> int:
        spec = replace(SPEC, skew=skew, resends=0, invalid=0)
        keys = (read_submission(body, TODAY) for body in generate(spec))
        counts = Counter(read.partition_key for read in keys if isinstance(read, Submission))
        return counts.most_common(1)[0][1]

    assert largest(0) < 0.04 * SPEC.trades
    assert 0.19 * SPEC.trades < largest(1) < 0.26 * SPEC.trades


@pytest.mark.parametrize("trades", [0, 1, 2, 3])
def test_tiny_and_extreme_specifications_hold(trades: int) -> None:
    """The counts hold for few trades and large shares; the first trade is never a resend."""
    resent = SampleSpec(trades, 1, partitions=1, resends=1.0, invalid=0.0, today=TODAY)
    assert len(set(generate(resent))) == min(trades, 1)
    refused = SampleSpec(trades, 1, partitions=1, resends=0.0, invalid=1.0, today=TODAY)
    assert len(list(generate(refused))) == trades


@pytest.mark.parametrize(
    ("option", "value"),
    [("trades", -1), ("partitions", 0), ("skew", -0.5), ("resends", 1.5), ("invalid", -0.1)],
)
def test_option_out_of_range_is_named(option: str, value: Any) -> None:
    """A value that is out of its range is refused, and the error names it."""
    with pytest.raises(ValueError, match=option):
        replace(SPEC, **{option: value})


def test_generation_is_lazy() -> None:
    """The first of a huge number of trades come at once."""
    first = list(islice(generate(replace(SPEC, trades=10**9)), 3))
    assert all(msgspec.json.decode(body) for body in first)
