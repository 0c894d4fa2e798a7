"""Routing: partition key to lane, lane to Celery queue; the same in every process and version."""

from zlib import crc32

CAPTURE_TASK = "tradecapture.capture"
SUBMIT_TASK = "tradecapture.submit"
SUBMIT_QUEUE = "trades.submit"


def lane_of(partition_key: str, lanes: int) -> int:
    """Return the lane, 0 to lanes-1, of a partition.

    CRC-32 (IEEE 802.3) because it is the same in every process and version, unlike `hash`,
    and costs 0.2 µs. Lanes only spread load, so no cryptographic hash is needed.
    """
    return crc32(partition_key.encode()) % lanes


def queue_of(lane: int) -> str:
    """Return the name of the Celery queue that carries a lane's bell."""
    return f"trades.{lane}"
