"""Routing: partition key to lane, lane to Celery queue; the same in every process and version."""

CAPTURE_TASK = "tradecapture.capture"
SUBMIT_TASK = "tradecapture.submit"
TASK_PREFIX = "tradecapture."  # how the names of the fleet's tasks begin, in every release
SUBMIT_QUEUE = "trades.submit"

# Which arguments a message of ours has. In a header and not an argument, so that workers of release
# 0.1.0, which know neither, run the task all the same; a message without it is of the first.
SIGNATURE_HEADER = "tradecapture-signature"
MESSAGE_VERSION = 1


def queue_of(lane: int) -> str:
    """Return the name of the Celery queue that carries a lane's bell."""
    return f"trades.{lane}"
