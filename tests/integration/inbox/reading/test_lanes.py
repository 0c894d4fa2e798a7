"""The lane count: recorded at first use; another count is refused, with what to do."""

from dataclasses import replace

import pytest

from tests.support.builders import submissions
from tests.support.inbox.redis_snapshot import everything
from tradecapture.inbox import Inbox, LaneCountError
from tradecapture.inbox.keys import LANES_KEY
from tradecapture.settings import Settings


def test_the_first_process_records_the_count(inbox: Inbox) -> None:
    """Every process with the same count passes."""
    inbox.check_lane_count()
    inbox.check_lane_count()
    assert inbox.redis.get(LANES_KEY) == b"1"


def test_another_count_is_refused_with_what_to_do(inbox: Inbox, settings: Settings) -> None:
    """The error names the variable, both counts and how to change it; nothing is changed."""
    inbox.check_lane_count()
    inbox.accept(submissions(2))
    before = everything(inbox.redis)
    with pytest.raises(LaneCountError) as refused:
        Inbox(inbox.redis, replace(settings, lanes=16)).check_lane_count()
    message = str(refused.value)
    assert "TRADECAPTURE_LANES is 16" in message
    assert "Set TRADECAPTURE_LANES=1" in message
    assert "Nothing was changed" in message
    assert LANES_KEY in message
    assert everything(inbox.redis) == before
