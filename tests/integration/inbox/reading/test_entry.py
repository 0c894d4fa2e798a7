"""Entries: what waits in a list is read as it was written, and never guessed at."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders import partition_of, submission, submissions
from tests.support.builders.strategies import ids, texts
from tests.support.inbox.redis_snapshot import KEYS, claimed, waiting
from tradecapture.inbox import Inbox, InboxReader
from tradecapture.inbox.entry import UnreadableEntryError, decode_entry, encode_body
from tradecapture.settings import Settings
from tradecapture.trades.submission import Submission

ONE, TWO = partition_of("B1"), partition_of("B2")

whole = st.integers(0, 2**53)


@given(
    st.builds(
        Submission,
        partition_key=st.just(ONE),
        trade_id=ids,
        digest=st.text("0123456789abcdef", min_size=32, max_size=32),
        document=st.binary(),
        correlation_id=texts,
        callback_url=texts,
    ),
    whole,
    whole,
    whole,
)
def test_an_entry_is_read_as_it_was_written(
    sent: Submission, position: int, epoch: int, accepted_ms: int
) -> None:
    """For any bytes, text and position."""
    raw = f"1 {position} {epoch} {accepted_ms} ".encode() + encode_body(sent)
    assert decode_entry(ONE, raw) == (position, epoch, accepted_ms, sent)


@given(st.binary())
def test_any_other_bytes_are_unreadable(raw: bytes) -> None:
    """They raise no other exception."""
    with pytest.raises(UnreadableEntryError):
        decode_entry(ONE, raw)


def test_an_entry_of_another_release_says_which_workers_can_read_it() -> None:
    """The error names the entry's format and what to run."""
    with pytest.raises(UnreadableEntryError, match=r"version b'2'.* run workers of the release"):
        decode_entry(ONE, b"2 1 1 1 something newer")


def test_an_unreadable_entry_keeps_its_place(inbox: Inbox) -> None:
    """Entries before it are claimed, entries after it wait, and no entry is dropped."""
    inbox.accept(submissions(2, "B1"))
    inbox.redis.rpush(KEYS.inbox(ONE), b"2 3 1 1 something newer")
    inbox.accept([submission("B1-4", "B1"), *submissions(1, "B2")])
    one, two = sorted(claimed(inbox).partitions)
    assert [entry.position for entry in one.entries] == [1, 2]
    assert "version b'2'" in one.unreadable
    assert (len(two.entries), two.unreadable) == (1, "")
    assert waiting(inbox.redis, ONE) == 4


@pytest.mark.parametrize("raw", [b"2 3 1 1 something newer", b"", b"garbage", b"1 a b c d"])
def test_operators_see_a_partition_whose_head_is_unreadable(
    inbox: Inbox, settings: Settings, raw: bytes
) -> None:
    """The partition is shown with its depth, only without the age of its head."""
    inbox.accept(submissions(1, "B1"))
    inbox.redis.lpush(KEYS.inbox(ONE), raw)
    (row,) = InboxReader(inbox.redis, settings.lanes).partitions()
    assert (row.partition_key, row.waiting, row.oldest_accepted_ms) == (ONE, 2, None)
