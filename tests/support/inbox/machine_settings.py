"""The deployment of the state machine: its books, owners, lengths of time and settings."""

from tradecapture.inbox import Hold
from tradecapture.settings import Settings

LANES = 2
BOOKS = ("B1", "B2", "B3", "B4", "B5")
OWNERS = ("ann", "bob", "cem")
HOLDS = (Hold.by_operator("ann", "a reason"), Hold.halt("a reason"))

# Real milliseconds pass while virtual seconds do: every length is a multiple of 5 s, so that
# nothing ends within seconds of a moment at which the model is compared.
LEASE_SECONDS = 100
BACKOFF_SECONDS = 10
BACKOFF_LIMIT_SECONDS = 40
BELL_SECONDS = 50
STEPS_SECONDS = (5, 10, 20, 50, 100)
BATCH_TRADES = 5

SETTINGS = Settings(
    lanes=LANES,
    batch_partitions=2,
    batch_trades=BATCH_TRADES,
    lease_seconds=LEASE_SECONDS,
    bell_seconds=BELL_SECONDS,
    backoff_seconds=BACKOFF_SECONDS,
    backoff_limit_seconds=BACKOFF_LIMIT_SECONDS,
    limit_partition=8,
    limit_lane=16,
    sequence_window=3,
)
