"""Names the points at which a stalling worker can stop.

Not in `stalling_worker.py`, because importing that module patches the product.
"""

from enum import StrEnum

PLACE_VARIABLE = "STALLING_WORKER_PLACE"
# The path of a file that the worker creates when it stops. While the file exists it does not stop.
FLAG_VARIABLE = "STALLING_WORKER_FLAG"


class Failpoint(StrEnum):
    """The point at which a stalling worker stops."""

    NOWHERE = "nowhere"
    BEFORE_TRANSACTION = "before the transaction"
    BEFORE_READS = "between the row's lock and the other reads"
    BEFORE_COMMIT = "before the commit"
    BEFORE_COMPLETE = "between commit and settle"
    BEFORE_PARK = "before it parks a trade that only it cannot capture"
