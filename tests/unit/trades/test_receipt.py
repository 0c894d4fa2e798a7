"""Receipts: a job id names its trade, for ever and in both directions."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import PARTITION
from tests.support.builders.strategies import ids
from tradecapture.trades.receipt import Receipt, job_id_of, trade_id_of


@given(ids)
def test_a_job_id_gives_its_trade_id_back(trade_id: str) -> None:
    """Whatever the id holds, slashes and emoji too, it comes back."""
    assert trade_id_of(job_id_of(trade_id)) == trade_id


@given(ids)
def test_a_job_id_fits_a_url_path(trade_id: str) -> None:
    """It has letters, digits, hyphens and underscores only."""
    assert job_id_of(trade_id).replace("-", "").replace("_", "").isalnum()


@given(ids, ids)
def test_two_trades_never_share_a_job_id(one: str, other: str) -> None:
    """A job id names one trade."""
    assert (job_id_of(one) == job_id_of(other)) == (one == other)


@given(st.text() | ids.map(job_id_of).map(lambda job_id: job_id[:-1]))
def test_a_text_that_is_no_job_id_names_no_trade(text: str) -> None:
    """Nothing raises, and only the one spelling of a job id is taken."""
    trade_id = trade_id_of(text)
    assert trade_id is None or job_id_of(trade_id) == text


@pytest.mark.parametrize(
    "text", ["", "trade-", "batch-VC0x", "trade-%%%", "trade-VC0x=", "trade-/w"]
)
def test_other_ids_name_no_trade(text: str) -> None:
    """Another kind of job, padding, or bytes that are no text."""
    assert trade_id_of(text) in (None, "")


def test_a_receipt_knows_its_job_id() -> None:
    """So that a resend, whose receipt is the first one, has the same job."""
    receipt = Receipt("T-1", PARTITION, 1, datetime(2026, 1, 15, tzinfo=UTC), duplicate=False)
    assert receipt.job_id == job_id_of("T-1") == "trade-VC0x"
