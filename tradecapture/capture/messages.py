"""The Celery messages of the fleet: task names, queue names, and the version of their arguments.

These names are a contract between releases: a message may be read by an older or newer worker.
"""

CAPTURE_TASK = "tradecapture.capture"
SUBMIT_TASK = "tradecapture.submit"
TASK_PREFIX = "tradecapture."  # of every task of the fleet, in all releases
SUBMIT_QUEUE = "trades.submit"

# The version of a message says which arguments it has. It is in a header, and not an argument, so
# that workers of release 0.1.0, which do not know it, can run the task. A message without the
# header has version 1.
MESSAGE_VERSION_HEADER = "tradecapture-signature"
MESSAGE_VERSION = 1


def queue_of(lane: int) -> str:
    """Return the name of the Celery queue that carries a lane's bell."""
    return f"trades.{lane}"
