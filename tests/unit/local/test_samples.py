"""Generated trades: exact shares, same bytes for the same mix, valid unless made invalid."""

from collections import Counter
from dataclasses import replace
from datetime import date
from itertools import islice
from random import Random
from typing import Any

import msgspec
import pytest

from tradecapture.local.samples.invalid import FAULTS, Fault
from tradecapture.local.samples.partitions import partitions
from tradecapture.local.samples.trades import RESEND_WINDOW, SampleSpec, generate
from tradecapture.trades.document import Document, decode, encode
from tradecapture.trades.isin import has_right_check_digit, looks_like_isin
from tradecapture.trades.partition import split_partition_key
from tradecapture.trades.submission import Invalid, Submission, read_submission

TODAY = date(2026, 1, 15)
MIX = SampleSpec(3000, 7, partitions=50, resends=0.05, invalid=0.04, today=TODAY)


def submissions(mix: SampleSpec) -> list[Submission | Invalid]:
    """Read every trade of a mix as the service would."""
    return [read_submission(body, TODAY) for body in generate(mix)]


def test_shares_are_exact() -> None:
    """The total, the resends and the invalid trades are exactly as many as asked for."""
    bodies = list(generate(MIX))
    assert len(bodies) == MIX.trades
    assert len(bodies) - len(set(bodies)) == MIX.resent_trades == 150
    refused = [read for read in submissions(MIX) if isinstance(read, Invalid)]
    assert len(refused) == MIX.invalid_trades == 120


def test_trade_ids_are_unique_but_for_resends() -> None:
    """Each trade that is no resend has an id of its own, the invalid ones too."""
    ids = Counter(read.trade_id for read in submissions(MIX))
    assert None not in ids
    assert len(ids) == MIX.trades - MIX.resent_trades


def test_resends_repeat_a_recent_valid_trade() -> None:
    """A resend equals, byte for byte, one of the last valid trades sent before it."""
    sent: list[bytes] = []
    for body in generate(MIX):
        if body in sent:
            assert body in sent[-RESEND_WINDOW:]
            assert isinstance(read_submission(body, TODAY), Submission)
        elif isinstance(read_submission(body, TODAY), Submission):
            sent.append(body)


def test_same_mix_gives_same_bytes() -> None:
    """A mix decides every byte; another seed gives other trade ids altogether."""
    first = list(generate(MIX))
    assert first == list(generate(MIX))
    ids = {decode(body)["tradeId"] for body in first}
    others = {decode(body)["tradeId"] for body in generate(replace(MIX, seed=8))}
    assert not ids & others


def test_trades_are_one_line_each() -> None:
    """Written one a line, the trades are NDJSON."""
    assert not any(b"\n" in body for body in generate(MIX))


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_refused(fault: Fault) -> None:
    """Every fault makes a valid trade invalid, whatever it draws, and spares its id."""
    random = Random(3)
    for body in generate(replace(MIX, trades=50, resends=0, invalid=0)):
        trade: Document = decode(body)
        fault(trade, random)
        read = read_submission(encode(trade), TODAY)
        assert isinstance(read, Invalid)
        assert read.trade_id == trade["tradeId"]


def test_trades_are_varied() -> None:
    """Compact lots, text and number values, sells, manual entries and several lots all occur."""
    documents = [decode(body) for body in generate(replace(MIX, resends=0, invalid=0))]
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
    """Partitions differ, securities are right ISINs of several countries, some keys are escaped."""
    desk = partitions(500, Random(1))
    assert len({(p.account_id, p.book_id, p.security_id) for p in desk}) == 500
    assert all(looks_like_isin(p.security_id) for p in desk)
    assert all(has_right_check_digit(p.security_id) for p in desk)
    assert len({p.security_id[:2] for p in desk}) > 3
    keys = {read.partition_key for read in submissions(MIX) if isinstance(read, Submission)}
    assert any("~1" in key for key in keys)
    assert any("~" not in key for key in keys)
    assert all(split_partition_key(key) for key in keys)


def test_skew_decides_the_spread() -> None:
    """Skew 0 spreads trades evenly; skew 1 gives the first of 50 partitions a fifth of them."""

    def largest(skew: float) -> int:
        mix = replace(MIX, skew=skew, resends=0, invalid=0)
        keys = (read_submission(body, TODAY) for body in generate(mix))
        counts = Counter(read.partition_key for read in keys if isinstance(read, Submission))
        return counts.most_common(1)[0][1]

    assert largest(0) < 0.04 * MIX.trades
    assert 0.19 * MIX.trades < largest(1) < 0.26 * MIX.trades


@pytest.mark.parametrize("trades", [0, 1, 2, 3])
def test_tiny_and_extreme_mixes_hold(trades: int) -> None:
    """However few trades and however large the shares, the counts hold; a first trade is sent."""
    resent = SampleSpec(trades, 1, partitions=1, resends=1.0, invalid=0.0, today=TODAY)
    assert len(set(generate(resent))) == min(trades, 1)
    refused = SampleSpec(trades, 1, partitions=1, resends=0.0, invalid=1.0, today=TODAY)
    assert len(list(generate(refused))) == trades


@pytest.mark.parametrize(
    ("option", "value"),
    [("trades", -1), ("partitions", 0), ("skew", -0.5), ("resends", 1.5), ("invalid", -0.1)],
)
def test_option_out_of_range_is_named(option: str, value: Any) -> None:
    """An option that is out of its range is refused by its name."""
    with pytest.raises(ValueError, match=option):
        replace(MIX, **{option: value})


def test_generation_is_lazy() -> None:
    """The first trades of a huge mix come at once."""
    first = list(islice(generate(replace(MIX, trades=10**9)), 3))
    assert all(msgspec.json.decode(body) for body in first)
