"""A hold: why a partition must not be claimed, and whether an operator or the fleet said so."""

from enum import StrEnum
from typing import NamedTuple, Self


class HoldKind(StrEnum):
    """Who holds a partition: what one did, the other must not undo by the way."""

    PAUSED = "PAUSED"  # an operator
    HALTED = "HALTED"  # the fleet, because a trade in it cannot be captured


# How the text of a pause begins in Redis; the text of a halt is its reason alone.
_PAUSE = f"{HoldKind.PAUSED} "


class Hold(NamedTuple):
    """Why a partition is held."""

    kind: HoldKind
    why: str
    who: str = ""  # the operator; empty for a halt

    @classmethod
    def by_operator(cls, who: str, why: str) -> Self:
        """Return an operator's hold.

        Raises:
            ValueError: `who` holds a colon, which ends the name in Redis.
        """
        if ":" in who:
            raise ValueError(f"the operator's name {who!r} must hold no colon")
        return cls(HoldKind.PAUSED, why, who)

    @classmethod
    def halt(cls, why: str) -> Self:
        """Return a hold by the fleet."""
        return cls(HoldKind.HALTED, why)

    @classmethod
    def from_note(cls, note: str) -> Self:
        """Return the pause that a note stands for."""
        who, _, why = note.partition(": ")
        return cls(HoldKind.PAUSED, why, who)

    @property
    def note(self) -> str:
        """What the ledger keeps of a hold: the reason, after whose it is if it is a pause."""
        return f"{self.who}: {self.why}" if self.kind is HoldKind.PAUSED else self.why

    def __str__(self) -> str:
        """Return what an operator reads: the reason, and whose it is if it is a pause."""
        return f"{_PAUSE}{self.note}" if self.kind is HoldKind.PAUSED else self.note

    def encode(self) -> str:
        """Return the text in Redis; the scripts know a pause by how it begins."""
        # A reason may quote a trade, and a trade may hold any text: it must not become a pause.
        escape = (
            " " if self.kind is HoldKind.HALTED and self.why.lstrip().startswith(_PAUSE) else ""
        )
        return escape + str(self)

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the hold that a text in Redis stands for."""
        if text.startswith(_PAUSE):
            return cls.from_note(text.removeprefix(_PAUSE))
        return cls.halt(text.removeprefix(" ") if text.lstrip().startswith(_PAUSE) else text)
