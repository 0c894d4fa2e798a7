"""Partition keys: exact for plain ids, never shared by two partitions, and reversible."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tradecapture.trades.partition import (
    PARTITION_KEY_LENGTH,
    make_partition_key,
    split_partition_key,
)
from tradecapture.trades.trade import utf16_length

ids = st.text(min_size=1, max_size=50)
# Ids of the characters that the escaping is about collide at once if it is wrong.
tricky_ids = st.text("AB_~01", min_size=1, max_size=6)
triples = st.tuples(ids, ids, ids) | st.tuples(tricky_ids, tricky_ids, tricky_ids)


def test_plain_ids_give_exactly_account_book_security() -> None:
    """Ids without an underscore or a tilde are joined as the contract says."""
    assert make_partition_key("ACC-1", "BOOK.1", "US0378331005") == "ACC-1_BOOK.1_US0378331005"


def test_a_shifted_underscore_is_another_partition() -> None:
    """Account A_B with book C is another partition than account A with book B_C."""
    assert make_partition_key("A_B", "C", "S") == "A~1B_C_S"
    assert make_partition_key("A", "B_C", "S") == "A_B~1C_S"


@given(triples)
@example(("~1", "_", "~01"))
def test_a_key_gives_its_ids_back(triple: tuple[str, str, str]) -> None:
    """Splitting a key gives the three ids that it was made of."""
    assert split_partition_key(make_partition_key(*triple)) == triple


@given(triples, triples)
def test_different_ids_never_share_a_key(
    one: tuple[str, str, str], other: tuple[str, str, str]
) -> None:
    """Two partitions have one key only if they are one."""
    assert (make_partition_key(*one) == make_partition_key(*other)) == (one == other)


def test_the_longest_key_fits_its_column() -> None:
    """Three ids of fifty characters, all escaped, still fit; and so do the longest of emoji."""
    assert len(make_partition_key("_" * 50, "~" * 50, "_" * 50)) == PARTITION_KEY_LENGTH
    foxes = "\U0001f98a" * 25
    assert utf16_length(make_partition_key(foxes, foxes, foxes)) <= PARTITION_KEY_LENGTH


@pytest.mark.parametrize("text", ["", "A", "A_B", "A_B_C_D", "A__C", "_B_C"])
def test_a_text_that_is_no_key_is_refused_with_an_example(text: str) -> None:
    """The error says what a partition key looks like, and how to write an underscore."""
    with pytest.raises(ValueError, match="account_book_security, with ~1 for an underscore"):
        split_partition_key(text)
