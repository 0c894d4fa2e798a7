"""How a command ends when it cannot go on: one sentence for the user, and an exit code."""

from collections.abc import Mapping
from typing import Any

import click
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import OutOfMemoryError, RedisError
from sqlalchemy.exc import SQLAlchemyError

from tradecapture.inbox import LaneCountError, LanesUnreachableError
from tradecapture.ledger import LedgerUnavailableError, SchemaError
from tradecapture.ledger.engine import database_cause
from tradecapture.local.fleet.errors import LocalFleetError, LocalSetupError
from tradecapture.local.servers.server import LocalServerError
from tradecapture.local.supervisor.supervisor import SupervisorError
from tradecapture.settings import SettingsError

EXIT_FAULT = 1  # the command is done, and something is wrong: a refusal, a difference, a fault
EXIT_USAGE = 2  # as click itself exits for wrong options
EXIT_UNREACHABLE = 3


class CommandError(click.ClickException):
    """A command cannot go on. The message says what happened, what is safe and what to do."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code  # type: ignore[misc]  # click itself sets it on instances


class CommandGroup(click.Group):
    """A group of commands whose expected errors end in one sentence instead of a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command.

        Raises:
            CommandError: a server does not answer, or a setting or the set-up is wrong.
        """
        try:
            return super().invoke(ctx)
        except tuple(_EXIT_CODES) as error:
            exit_code = next(code for kind, code in _EXIT_CODES.items() if isinstance(error, kind))
            raise CommandError(str(error), exit_code) from error
        except tuple(_EXPLANATIONS) as error:
            text = next(text for kind, text in _EXPLANATIONS.items() if isinstance(error, kind))
            message = text.format(error=database_cause(error))
            raise CommandError(message, EXIT_UNREACHABLE) from error


# Errors whose own message is for the user. The first that fits counts.
_EXIT_CODES: Mapping[type[Exception], int] = {
    SettingsError: EXIT_USAGE,
    LaneCountError: EXIT_USAGE,
    SchemaError: EXIT_USAGE,
    LocalSetupError: EXIT_USAGE,
    LocalFleetError: EXIT_UNREACHABLE,
    LocalServerError: EXIT_UNREACHABLE,
    SupervisorError: EXIT_UNREACHABLE,
}

# Errors of servers, and what the user reads; {error} is the server's own reason. The first that
# fits counts.
_EXPLANATIONS: Mapping[type[Exception], str] = {
    OutOfMemoryError: (
        "Redis is out of memory: {error}. Accepted trades stay in it. Let workers capture what "
        "waits, or raise its maxmemory, then run the command again"
    ),
    LanesUnreachableError: (
        "{error}. This command needs all lanes: the result for the others alone would be wrong. "
        "Accepted trades stay in all lanes and nothing was changed. `tradecapture doctor` names "
        "the node that is down, and its cure; then run the command again"
    ),
    RedisError: (
        "Redis does not answer: {error}. Accepted trades stay in it and nothing was changed. "
        "Start Redis or correct TRADECAPTURE_REDIS_URL, then run the command again"
    ),
    BrokerError: (
        "the Celery broker does not answer: {error}. This command puts no trade into it, so none "
        "is lost. Start it or correct TRADECAPTURE_BROKER_URL, then run the command again"
    ),
    SQLAlchemyError: (
        "the database does not answer: {error}. Accepted trades wait safely in Redis. Start it or "
        "correct TRADECAPTURE_DATABASE_URL, then run the command again"
    ),
    LedgerUnavailableError: (
        "{error}. Nothing is half done, and accepted trades wait safely in Redis. Start the "
        "database or correct TRADECAPTURE_DATABASE_URL, then run the command again: it does what "
        "is left"
    ),
}
