"""Places where a stalling worker can stop; apart from it, because importing it breaks things."""

from enum import StrEnum

PLACE_VARIABLE = "STALLING_WORKER_PLACE"
FLAG_VARIABLE = "STALLING_WORKER_FLAG"  # a file that is made when it stops; without it, it stops


class Failpoint(StrEnum):
    """Where it stops."""

    NOWHERE = "nowhere"
    BEFORE_TRANSACTION = "before the transaction"
    BEFORE_READS = "between the row's lock and the other reads"
    BEFORE_COMMIT = "before the commit"
    BEFORE_SETTLE = "between commit and settle"
    BEFORE_PARK = "before it parks a trade that only it cannot capture"
