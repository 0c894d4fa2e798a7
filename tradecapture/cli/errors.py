"""Failures: what a user reads when a command cannot go on, and the exit code that says it."""

from collections.abc import Callable, Mapping
from typing import Any

import click
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import OutOfMemoryError, RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.inbox import LaneCountError, LanesUnreachableError
from tradecapture.ledger import LedgerUnavailableError, SchemaError
from tradecapture.ledger.engine import database_cause, first_line
from tradecapture.local.fleet.errors import LocalFleetError, LocalSetupError
from tradecapture.local.servers.server import LocalServerError
from tradecapture.local.supervisor.supervisor import SupervisorError
from tradecapture.settings import SettingsError

FOUND = 1  # the command ran and found what it looks for: a refusal, a difference, a fault
USAGE = 2  # click's own code for wrong options
UNREACHABLE = 3

EXIT_CODES = """\b
Exit codes:
  0  done, and all is well
  1  done, but something was found: refused trades, a difference, a fault
  2  wrong use: an option, a setting, a file, the lane count or the schema
  3  Redis, the database or a program was out of reach
"""


class CommandError(click.ClickException):
    """A command cannot go on. The message says what happened, what is safe and what to do."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click itself sets it on instances


class CommandGroup(click.Group):
    """A group of commands whose known errors end in one sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            CommandError: a server is out of reach, or a setting or the set-up is wrong.
        """
        try:
            return super().invoke(ctx)
        except tuple(_EXPLANATIONS) as error:
            explain, exit_code = next(
                found for kind, found in _EXPLANATIONS.items() if isinstance(error, kind)
            )
            raise CommandError(explain(error), exit_code) from error


def _redis(error: Exception) -> str:
    return (
        f"Redis does not answer: {first_line(error)}. Accepted trades stay in it and nothing was "
        "changed. Start Redis or correct TRADECAPTURE_REDIS_URL, then run the command again"
    )


def _lanes(error: Exception) -> str:
    return (
        f"{first_line(error)}. This needs all lanes: of the others alone it would be "
        "wrong. Accepted trades stay in all of them and nothing was changed. `tradecapture "
        "doctor` names what is away and its cure; then run the command again"
    )


def _memory(error: Exception) -> str:
    return (
        f"Redis is out of memory: {first_line(error)}. Accepted trades stay in it. Let workers "
        "capture what waits or raise its maxmemory, then run the command again"
    )


def _broker(error: Exception) -> str:
    return (
        f"the Celery broker does not answer: {first_line(error)}. No trade is in it, so none is "
        "lost. Start it or correct TRADECAPTURE_BROKER_URL, then run the command again"
    )


def _database(error: Exception) -> str:
    return (
        f"the database does not answer: {database_cause(error)}. Accepted trades wait safely in "
        "Redis. Start it or correct TRADECAPTURE_DATABASE_URL, then run the command again"
    )


def _ledger(error: Exception) -> str:
    return (
        f"{first_line(error)}. Nothing was done by halves, and accepted trades wait safely "
        "in Redis. Start the database or correct TRADECAPTURE_DATABASE_URL, then run the "
        "command again, which does what is left of it"
    )


# The first kind that fits counts.
_EXPLANATIONS: Mapping[type[Exception], tuple[Callable[[Exception], str], int]] = {
    SettingsError: (str, USAGE),
    LaneCountError: (str, USAGE),
    SchemaError: (str, USAGE),
    LocalSetupError: (str, USAGE),
    LocalFleetError: (str, UNREACHABLE),
    LocalServerError: (str, UNREACHABLE),
    SupervisorError: (str, UNREACHABLE),
    OutOfMemoryError: (_memory, UNREACHABLE),
    LanesUnreachableError: (_lanes, UNREACHABLE),
    RedisError: (_redis, UNREACHABLE),
    BrokerError: (_broker, UNREACHABLE),
    SQLAlchemyError: (_database, UNREACHABLE),
    LedgerUnavailableError: (_ledger, UNREACHABLE),
}
