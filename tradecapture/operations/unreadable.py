"""An unreadable trade, as the ledger can keep it: whole, under an id of its place."""

from base64 import b64encode
from datetime import datetime
from hashlib import blake2b

from tradecapture.inbox import ClaimedPartition, Entry
from tradecapture.submission import Submission


def unreadable_entry(claimed: ClaimedPartition, epoch: int, position: int, now: datetime) -> Entry:
    """Return an entry that this release cannot read: whole, as base64, under an id of its place."""
    submission = Submission(
        claimed.partition,
        f"unreadable-{epoch}-{position}",
        blake2b(claimed.head, digest_size=16).hexdigest(),
        b64encode(claimed.head),
    )
    return Entry(position, epoch, round(now.timestamp() * 1000), submission)
