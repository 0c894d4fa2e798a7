"""Operating: one request of an operator in one transaction, whichever it is."""

from datetime import datetime

from sqlalchemy import Connection

from tradecapture.inbox import Claim, Entry
from tradecapture.ledger.operating.action import Action, Deed, Request
from tradecapture.ledger.operating.head_deeds import HeadDeeds
from tradecapture.ledger.operating.partition_deeds import PartitionDeeds


class Operating(PartitionDeeds, HeadDeeds):
    """Everything that an operator may do."""

    def do(
        self,
        connection: Connection,
        request: Request,
        now: datetime,
        claim: Claim | None,
        head: Entry | None,
    ) -> Deed:
        """Do what is asked for.

        Args:
            connection: of the transaction.
            request: of the operator.
            now: when this happens, in UTC.
            claim: of the partition; needed to retry and to skip.
            head: the oldest trade that waits; skipped if no parked trade halts the partition.

        Raises:
            ValueError: it is not done to one partition, or needs a claim.
            Exception: a retried trade still cannot be captured; nothing was changed.
        """
        match request.action:
            case Action.PAUSE:
                return self.pause(connection, request, now)
            case Action.RESUME:
                return self.resume(connection, request, now)
            case Action.RELEASE:
                return self.release(connection, request, now)
            case Action.RETRY if claim is not None:
                return self.retry(connection, request, claim, now)
            case Action.SKIP if claim is not None:
                return self.skip(connection, request, claim, head, now)
            case _:
                raise ValueError(f"{request.action} is not done to a partition's row alone")
