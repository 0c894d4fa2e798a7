"""A ledger that retries like the old service: inside the transaction that has failed."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from tradecapture.ledger import Ledger

Result = TypeVar("Result")


class RetryingInside(Ledger):
    """Retries on the same connection, in the same transaction."""

    def _retried(self, work: Callable[[Connection], Result]) -> Result:
        retrying = Retrying(
            stop=stop_after_attempt(5),
            wait=wait_random_exponential(multiplier=0.01, max=0.1),
            retry=retry_if_exception_type(DBAPIError),
            reraise=True,
        )
        with self.engine.connect() as connection:
            result: Result = retrying(work, connection)
            connection.commit()
            return result
