"""The place: where Redis and the database are, from the environment or a data folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tradecapture.cli.data_folder import DataFolder
from tradecapture.cli.failure import UNREACHABLE, CommandError
from tradecapture.cli.next_steps import USUAL_DATA
from tradecapture.inbox import Inbox, InboxReader, connect_inboxes
from tradecapture.ledger import check_schema
from tradecapture.ledger.engine import make_engine
from tradecapture.ledger.operating_reader import OperatingReader
from tradecapture.ledger.readers import Readers, make_readers
from tradecapture.settings import Settings

REDIS = "TRADECAPTURE_REDIS_URL"
DATABASE = "TRADECAPTURE_DATABASE_URL"
BROKER = "TRADECAPTURE_BROKER_URL"


def data_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--data` to a command."""
    return click.option(
        "--data",
        "data",
        type=click.Path(file_okay=False, path_type=Path),
        default=USUAL_DATA,
        envvar="TRADECAPTURE_DATA",
        show_default=True,
        show_envvar=True,
        metavar="DIR",
        help="Data folder of `tradecapture up`.",
    )(command)


def locate(data: Path, *needed: str) -> Settings:
    """Return the settings; a URL that the environment does not name is that of the running `up`.

    Args:
        data: the data folder.
        needed: the variables that the command cannot do without.

    Raises:
        CommandError: a URL is needed that neither the environment nor an `up` gives.
        SettingsError: a variable is not usable.
    """
    environment = dict(os.environ)
    missing = [name for name in (REDIS, DATABASE) if not environment.get(name, "").strip()]
    running = DataFolder(data).running() if missing else None
    if running is not None:
        urls = {REDIS: running.redis_url, DATABASE: running.database_url}
        environment.update({name: urls[name] for name in missing})
    elif unknown := [name for name in needed if name in missing]:
        raise CommandError(
            f"nothing runs in {data.absolute()}: start `tradecapture up` there (in another "
            f"terminal), or set {' and '.join(unknown)}",
            UNREACHABLE,
        )
    return Settings.from_environment(environment)


@contextmanager
def open_ledger(settings: Settings) -> Iterator[OperatingReader]:
    """Open the ledger to read it.

    Raises:
        SchemaError: the database does not have this release's tables.
        SettingsError: the URL is of no database that the ledger can use.
        sqlalchemy.exc.SQLAlchemyError: it does not answer.
    """
    engine, dialect = make_engine(
        settings.database_url, pool_size=1, timeout_seconds=settings.connect_seconds
    )
    try:
        check_schema(engine)
        yield OperatingReader(engine, dialect)
    finally:
        engine.dispose()


@contextmanager
def open_readers(settings: Settings) -> Iterator[Readers]:
    """Open the ledger and its replica, if there is one, for what may be read from either.

    Raises:
        SchemaError, SettingsError, sqlalchemy.exc.SQLAlchemyError: as `open_ledger`.
    """
    readers = make_readers(settings, pool_size=1)
    try:
        check_schema(readers.ledger.engine)
        yield readers
    finally:
        readers.close()


@contextmanager
def open_inbox(settings: Settings) -> Iterator[InboxReader]:
    """Open the inboxes to read them.

    Raises:
        LaneCountError: Redis was first used with another lane count.
        redis.exceptions.RedisError: Redis does not answer.
    """
    with connect_inboxes(settings) as redis:
        Inbox(redis, settings).check_lanes()
        yield InboxReader(redis, settings.lanes)
