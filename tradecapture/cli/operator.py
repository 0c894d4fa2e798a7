"""The operator: what commands that change a deployment share: who does it, why, with what hands."""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import click

from tradecapture.bell import Bell, submitting_app
from tradecapture.inbox import Inbox, InboxReader, connect_inboxes
from tradecapture.ledger import Action, Ledger, check_schema
from tradecapture.ledger.partition_pages import PartitionPages
from tradecapture.operations import Operations, Replay, Standings, problems_of
from tradecapture.partition import is_partition_key
from tradecapture.settings import Settings


class Operator(NamedTuple):
    """What an operator's commands work with."""

    operations: Operations
    replay: Replay
    standings: Standings
    inbox: InboxReader
    ledger: PartitionPages


@contextmanager
def open_operator(settings: Settings) -> Iterator[Operator]:
    """Open everything that an operator works with.

    Raises:
        LaneCountError: Redis was first used with another lane count.
        SchemaError: the database does not have this release's tables.
        SettingsError: the URL is of no database that the ledger can use.
        redis.exceptions.RedisError, sqlalchemy.exc.SQLAlchemyError: a server does not answer.
    """
    ledger = Ledger(settings)
    try:
        with connect_inboxes(settings) as redis:
            inbox = Inbox(redis, settings)
            inbox.check_lanes()
            check_schema(ledger.engine)
            bell = Bell(submitting_app(settings.broker, settings.sentinels), inbox)
            inbox_reader = InboxReader(redis, settings.lanes)
            reader = PartitionPages(ledger.engine, ledger.dialect)
            patience = settings.lease_seconds
            yield Operator(
                Operations(inbox, inbox_reader, ledger, bell, patience_seconds=patience),
                Replay(inbox, reader, ledger, bell),
                Standings(inbox_reader, reader),
                inbox_reader,
                reader,
            )
    finally:
        ledger.dispose()


def by_words(by: str) -> tuple[str, ...]:
    """Return the words of `--by` for a command line; none for who would be it anyway."""
    return () if by == _login_name() else ("--by", by)


def by_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--by` to a command."""
    return click.option(
        "--by",
        default=_login_name,
        show_default="your login name",
        metavar="NAME",
        help="Who does it; kept in the audit.",
    )(command)


def why_option(*, required: bool) -> Callable[..., Any]:
    """Return the option `--why` for a command."""
    text = "Why it is done; kept in the audit."
    if required:
        return click.option("--why", required=True, metavar="TEXT", help=text)
    return click.option("--why", default="", metavar="TEXT", help=text)


def check_words(by: str, why: str, action: Action) -> None:
    """Make sure that an operator's name and reason can be kept.

    Raises:
        click.UsageError: they cannot; the message says what to give.
    """
    if problems := problems_of(by, why, action):
        raise click.UsageError("; ".join(f"--{field}: {what}" for field, what in problems))


def partition_argument(*, required: bool = True) -> Callable[..., Any]:
    """Return the argument KEY of a command: a partition."""
    return click.argument(
        "key", metavar="KEY" if required else "[KEY]", required=required, callback=check_key
    )


def check_key(_context: click.Context, _option: click.Parameter, key: str | None) -> str | None:
    """Return a partition key that was given, as a callback of its argument or option.

    Raises:
        click.BadParameter: no partition can have this key.
    """
    if key is not None and not is_partition_key(key):
        raise click.BadParameter(
            f"{key!r} is not a partition key: give account_book_security, with ~1 for an "
            "underscore and ~0 for a tilde inside an id, as `tradecapture partitions` shows it"
        )
    return key


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        return ""  # a container's user may have no name; then one must be given
