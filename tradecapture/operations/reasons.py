"""Reasons: an operator's name and why, as the audit keeps them; checked before anything is done."""

from tradecapture.ledger import Action
from tradecapture.ledger.tables import WHO_LENGTH
from tradecapture.length import utf16_length

WHY_LENGTH = 500  # characters of an operator's reason
# Actions that take something from a trade or a partition: nobody may do them without a reason.
WITH_REASON = (Action.PAUSE, Action.SKIP, Action.RELEASE, Action.REPLAY)


def problems_of(who: str, why: str, action: Action) -> list[tuple[str, str]]:
    """Return what is wrong with an operator's name or reason: field, and what to give."""
    problems = []
    if not (0 < utf16_length(who) <= WHO_LENGTH and who.isprintable() and ":" not in who):
        what = f"give a name of 1 to {WHO_LENGTH} printable characters without a colon"
        problems.append(("by", what))
    if not (len(why) <= WHY_LENGTH and why.isprintable()):
        problems.append(("why", f"give at most {WHY_LENGTH} printable characters"))
    elif action in WITH_REASON and not why.strip():
        problems.append(("why", f"say why: a {action} needs a reason, which is kept in the audit"))
    return problems
