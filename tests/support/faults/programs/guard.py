"""Names the safety guards that tests can switch off in a worker."""

from enum import StrEnum

GUARD_VARIABLE = "DISARMED_WORKER_DEVICE"


class Guard(StrEnum):
    """The safety guard that is switched off."""

    NONE = "none"
    FENCE = "the fence"
    TOKEN = "settle's token check"
    ROW_LOCK = "the row lock"
    DEDUPE = "the ledger's dedupe"
    COMMIT_FIRST = "commit before trim"
    LOCK = "the partition lock"
    RENEWAL = "the lease renewal"
    SWEEP = "the sweep"
