"""The events of a history: a trade was sent, it was answered, something was broken."""

from enum import StrEnum

from msgspec import Struct


class Said(StrEnum):
    """How an invocation was answered."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # nothing of the trade was kept, says the answer
    UNKNOWN = "unknown"  # the connection broke, or "try again": it may have been kept or not


class Invoked(Struct, frozen=True, tag="invoked"):
    """A trade was sent."""

    at: float  # seconds of the machine's monotonic clock, which all its processes share
    process: str
    trade_id: str
    partition: str
    digest: str


class Answered(Struct, frozen=True, tag="answered"):
    """The last invocation of a trade by a process was answered."""

    at: float
    process: str
    trade_id: str
    said: Said
    position: int | None = None  # that the receipt named; None: it named none
    detail: str = ""


class Fault(Struct, frozen=True, tag="fault"):
    """Something was broken, or mended, on purpose."""

    at: float
    process: str
    name: str  # such as "kill", "restart"
    target: str


Event = Invoked | Answered | Fault
