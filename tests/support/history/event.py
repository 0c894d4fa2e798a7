"""The events of a history: a trade was sent, it was answered, a fault was injected or ended."""

from enum import StrEnum

from msgspec import Struct


class Said(StrEnum):
    """How an invocation was answered."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # the answer says that the trade was not stored
    UNKNOWN = "unknown"  # a broken connection, or "try again": the trade may be stored or not


class Invoked(Struct, frozen=True, tag="invoked"):
    """A trade was sent."""

    at: float  # seconds of the monotonic clock, which all processes of the machine share
    process: str
    trade_id: str
    partition: str
    digest: str


class Answered(Struct, frozen=True, tag="answered"):
    """A process got the answer to its last sending of a trade."""

    at: float
    process: str
    trade_id: str
    said: Said
    position: int | None = None  # in the receipt; None if it has no position
    detail: str = ""


class Fault(Struct, frozen=True, tag="fault"):
    """A test injected a fault, or ended one."""

    at: float
    process: str
    name: str  # such as "kill", "restart"
    target: str


Event = Invoked | Answered | Fault
