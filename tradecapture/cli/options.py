"""The operator: what commands that change a deployment share: who does it, why, with what hands."""

import getpass
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tradecapture.cli.errors import UNREACHABLE, CommandError
from tradecapture.cli.output import USUAL_DATA
from tradecapture.local.fleet.data_folder import DataFolder
from tradecapture.operations import Action, reason_problems
from tradecapture.settings import DATABASE, REDIS, Settings
from tradecapture.trades.partition import PartitionKey, is_partition_key


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
    running = DataFolder(data).running_fleet() if missing else None
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


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--json` to a command."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to standard output."
    )(command)


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
    if problems := reason_problems(by, why, action):
        raise click.UsageError("; ".join(f"--{field}: {what}" for field, what in problems))


def partition_argument(*, required: bool = True) -> Callable[..., Any]:
    """Return the argument KEY of a command: a partition."""
    return click.argument(
        "partition_key",
        metavar="KEY" if required else "[KEY]",
        required=required,
        callback=check_key,
    )


def check_key(
    _context: click.Context, _option: click.Parameter, key: str | None
) -> PartitionKey | None:
    """Return a partition key that was given, as a callback of its argument or option.

    Raises:
        click.BadParameter: no partition can have this key.
    """
    if key is None:
        return None
    if not is_partition_key(key):
        raise click.BadParameter(
            f"{key!r} is not a partition key: give account_book_security, with ~1 for an "
            "underscore and ~0 for a tilde inside an id, as `tradecapture partitions` shows it"
        )
    return PartitionKey(key)


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        return ""  # a container's user may have no name; then one must be given
