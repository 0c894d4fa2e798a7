"""Identity: a trade id used in one lane is known in all lanes."""

from dataclasses import replace

from redis import Redis

from tests.support.builders import submission
from tradecapture import Receipt, Refusal, RefusalCode, Settings
from tradecapture.inbox import Inbox
from tradecapture.trades.partition import lane_of

LANES = 16


def test_other_content_in_another_lane_is_a_conflict(redis: "Redis", settings: Settings) -> None:
    """The same id in a partition of another lane is refused at once."""
    inbox = Inbox(redis, replace(settings, lanes=LANES))
    first = submission("T-1", "B1")
    others = [submission("T-1", f"B{number}") for number in range(2, 12)]
    lanes = {lane_of(item.partition_key, LANES) for item in [first, *others]}
    assert len(lanes) > 1, "the books must not all hash to one lane"

    (receipt,) = inbox.accept([first]).answers
    answers = inbox.accept(others).answers

    assert isinstance(receipt, Receipt)
    assert all(
        isinstance(answer, Refusal) and answer.code is RefusalCode.CONFLICT for answer in answers
    )


def test_an_accepted_trade_whose_identity_was_not_written_gets_its_first_receipt(
    redis: "Redis", settings: Settings
) -> None:
    """A submitter may die after it appended the trade and before it wrote the identity."""
    inbox = Inbox(redis, replace(settings, lanes=LANES))
    (first,) = inbox.accept([submission("T-1")]).answers
    redis.delete(*redis.keys("*:identity:T-1"))

    (again,) = inbox.accept([submission("T-1")]).answers

    assert isinstance(first, Receipt)
    assert isinstance(again, Receipt)
    assert (again.position, again.duplicate) == (first.position, True)
