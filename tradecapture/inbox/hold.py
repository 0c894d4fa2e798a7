"""A hold: why a partition must not be claimed, and whether an operator or the fleet placed it."""

from enum import StrEnum
from typing import NamedTuple, Self


class HoldKind(StrEnum):
    """Who placed the hold. Neither side may silently lift the other's hold."""

    PAUSED = "PAUSED"  # an operator
    HALTED = "HALTED"  # the fleet, because a trade of the partition cannot be captured


# How the text of a pause begins in Redis. The text of a halt is its reason alone.
_PAUSE = f"{HoldKind.PAUSED} "


class Hold(NamedTuple):
    """Why a partition is held."""

    kind: HoldKind
    why: str
    who: str = ""  # the operator; empty for a halt

    @classmethod
    def by_operator(cls, who: str, why: str) -> Self:
        """Return an operator's pause.

        Raises:
            ValueError: `who` contains a colon, which ends the name in Redis.
        """
        if ":" in who:
            raise ValueError(f"the operator's name {who!r} must hold no colon")
        return cls(HoldKind.PAUSED, why, who)

    @classmethod
    def halt(cls, why: str) -> Self:
        """Return a halt by the fleet."""
        return cls(HoldKind.HALTED, why)

    @classmethod
    def from_note(cls, note: str) -> Self:
        """Return the pause with this note."""
        who, _, why = note.partition(": ")
        return cls(HoldKind.PAUSED, why, who)

    @property
    def note(self) -> str:
        """What the ledger keeps of a hold: `who: why` of a pause, the reason of a halt."""
        return f"{self.who}: {self.why}" if self.kind is HoldKind.PAUSED else self.why

    def __str__(self) -> str:
        """Return what an operator reads: the note; a pause says so first."""
        return f"{_PAUSE}{self.note}" if self.kind is HoldKind.PAUSED else self.note

    def encode(self) -> str:
        """Return the text in Redis. The scripts recognise a pause by how its text begins."""
        # The reason of a halt may quote a trade, which may contain any text. A blank in front keeps
        # the halt from being read as a pause.
        is_like_pause = self.kind is HoldKind.HALTED and self.why.lstrip().startswith(_PAUSE)
        return f" {self}" if is_like_pause else str(self)

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the hold that a text in Redis stands for."""
        if text.startswith(_PAUSE):
            return cls.from_note(text.removeprefix(_PAUSE))
        return cls.halt(text.removeprefix(" ") if text.lstrip().startswith(_PAUSE) else text)
