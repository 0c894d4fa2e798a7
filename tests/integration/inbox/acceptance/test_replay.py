"""Replays: each replay of a trade puts it into its inbox once more."""

from msgspec import structs

from tests.support.builders import partition_of, submission
from tests.support.inbox.redis_snapshot import claimed, everything, waiting
from tradecapture.inbox import Inbox, InboxReader
from tradecapture.settings import Settings
from tradecapture.trades.lifecycle import ExpectedOutcome
from tradecapture.trades.receipt import Receipt

ONE = partition_of("B1")


def test_a_replay_is_one_entry_however_often_it_is_sent(inbox: Inbox, settings: Settings) -> None:
    """It has its own position, and the trade keeps its first receipt."""
    trade = submission("T-1", "B1")
    replay = structs.replace(trade, replay_of="1736000000000000:1")
    (first,) = inbox.accept([trade]).answers
    (second,) = inbox.accept([replay]).answers
    before = everything(inbox.redis)
    (third,) = inbox.accept([replay]).answers
    assert everything(inbox.redis) == before
    assert isinstance(first, Receipt)
    assert isinstance(second, Receipt)
    assert isinstance(third, Receipt)
    assert (second.position, second.duplicate) == (2, False)
    assert (third.position, third.duplicate) == (2, True)
    assert waiting(inbox.redis, ONE) == 2
    seen = InboxReader(inbox.redis, settings.lanes).accepted_trade("T-1")
    assert seen is not None
    assert seen.position == 1
    assert inbox.accept([trade]).answers == [structs.replace(first, duplicate=True)]


def test_another_replay_of_the_trade_is_another_entry(inbox: Inbox) -> None:
    """So a trade that is parked again can be replayed again; an entry says what it replays."""
    trade = submission("T-1", "B1")
    replays = [structs.replace(trade, replay_of=f"1736000000000000:{n}") for n in (1, 2)]
    inbox.accept([trade, *replays])
    (partition,) = claimed(inbox).partitions
    assert [entry.submission for entry in partition.entries] == [trade, *replays]


def test_a_replay_skips_the_checks_of_a_new_trade(inbox: Inbox) -> None:
    """Its content may differ from the first trade with its id, and its number is not checked."""
    trade = submission("T-1", "B1", sequenceNumber=1)
    corrected = submission("T-1", "B1", sequenceNumber=1, source="MANUAL")
    inbox.accept([trade])
    identities = {k: v for k, v in everything(inbox.redis).items() if b"identity" in k}
    (answer,) = inbox.accept([structs.replace(corrected, replay_of="1736000000000000:1")]).answers
    assert isinstance(answer, Receipt)
    assert answer.expected_outcome is ExpectedOutcome.ACCEPTED
    after = {k: v for k, v in everything(inbox.redis).items() if b"identity" in k}
    assert after == identities
