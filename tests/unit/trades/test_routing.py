"""Routing: the lane of a partition never changes, and the lanes share the load."""

from collections import Counter

import pytest

from tests.support.builders import partition_of
from tradecapture.capture.messages import queue_of
from tradecapture.trades.partition import lane_of


@pytest.mark.parametrize(
    ("partition", "lane_of_16", "lane_of_5"),
    [
        ("ACC1_BOOK1_US0378331005", 0, 4),
        ("ACC-001_BOOK-NY_DE0007164600", 6, 1),
        ("A~1B_C_S", 5, 3),
        ("ÄCC_BÖÖK_日本", 5, 3),
    ],
)
def test_known_partitions_keep_their_lane(partition: str, lane_of_16: int, lane_of_5: int) -> None:
    """The lanes of these partitions never change: trades wait in Redis under them."""
    assert lane_of(partition, 16) == lane_of_16
    assert lane_of(partition, 5) == lane_of_5


def test_lanes_share_the_partitions_evenly() -> None:
    """Of 16,000 similar partitions each of 16 lanes gets 1,000, within a sixth."""
    counts = Counter(lane_of(partition_of(f"BOOK-{number:05d}"), 16) for number in range(16_000))
    assert set(counts) == set(range(16))
    assert all(834 < count < 1167 for count in counts.values())


def test_one_lane_takes_everything() -> None:
    """With one lane every partition is in lane 0."""
    assert {lane_of(partition_of(f"B{number}"), 1) for number in range(50)} == {0}


def test_a_lane_has_a_queue_of_its_own() -> None:
    """The queue has the number of the lane in its name."""
    assert queue_of(7) == "trades.7"
