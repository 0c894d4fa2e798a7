"""The safety devices that a worker's or a client's process can be run without, in tests only."""

from enum import StrEnum

DEVICE_VARIABLE = "DISARMED_WORKER_DEVICE"


class Device(StrEnum):
    """What is switched off."""

    NONE = "none"
    FENCE = "the fence"
    TOKEN = "settle's token check"
    ROW_LOCK = "the row lock"
    DEDUPE = "the ledger's dedupe"
    COMMIT_FIRST = "commit before trim"
    LOCK = "the partition lock"
    RENEWAL = "the lease renewal"
    SWEEP = "the sweep"
