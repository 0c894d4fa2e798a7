"""Options that several commands have, and what they lead to: settings, a key, a reason."""

import getpass
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tradecapture.cli.command_lines import DEFAULT_DATA
from tradecapture.cli.errors import EXIT_UNREACHABLE, CommandError
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
        default=DEFAULT_DATA,
        envvar="TRADECAPTURE_DATA",
        show_default=True,
        show_envvar=True,
        metavar="DIR",
        help="Data folder of `tradecapture up`.",
    )(command)


def find_settings(data: Path, *required: str) -> Settings:
    """Return the settings of the environment, with the URLs of a running `up` where it has none.

    Args:
        data: the data folder of `up`.
        required: the variables that the command cannot do without.

    Raises:
        CommandError: neither the environment nor an `up` gives a required URL.
        SettingsError: a variable is not usable.
    """
    environment = dict(os.environ)
    unset = [name for name in (REDIS, DATABASE) if not environment.get(name, "").strip()]
    fleet = DataFolder(data).running_fleet() if unset else None
    if fleet is not None:
        urls = {REDIS: fleet.redis_url, DATABASE: fleet.database_url}
        environment.update({name: urls[name] for name in unset})
    elif missing := [name for name in required if name in unset]:
        raise CommandError(
            f"nothing runs in {data.absolute()}: start `tradecapture up` there (in another "
            f"terminal), or set {' and '.join(missing)}",
            EXIT_UNREACHABLE,
        )
    return Settings.from_environment(environment)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--json` to a command."""
    return click.option(
        "--json", "as_json", is_flag=True, help="Print JSON, and nothing else, to standard output."
    )(command)


def partition_argument(*, required: bool = True) -> Callable[..., Any]:
    """Return the argument KEY of a command: a partition."""
    return click.argument(
        "partition_key",
        metavar="KEY" if required else "[KEY]",
        required=required,
        callback=check_key,
    )


def check_key(
    _context: click.Context, _parameter: click.Parameter, key: str | None
) -> PartitionKey | None:
    """Return a partition key, as the callback of its argument or option.

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


def by_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option `--by` to a command."""
    return click.option(
        "--by",
        default=_login_name,
        show_default="your login name",
        metavar="NAME",
        help="Who does it; kept in the audit.",
    )(command)


def by_arguments(by: str) -> tuple[str, ...]:
    """Return `--by` and its value for a command line; nothing if the value is the default."""
    return () if by == _login_name() else ("--by", by)


def why_option(*, required: bool) -> Callable[..., Any]:
    """Return the option `--why` for a command."""
    text = "Why it is done; kept in the audit."
    if required:
        return click.option("--why", required=True, metavar="TEXT", help=text)
    return click.option("--why", default="", metavar="TEXT", help=text)


def check_reason(by: str, why: str, action: Action) -> None:
    """Make sure that the audit can keep an operator's name and reason.

    Raises:
        click.UsageError: it cannot; the message says what to give.
    """
    if problems := reason_problems(by, why, action):
        raise click.UsageError("; ".join(f"--{field}: {problem}" for field, problem in problems))


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, ImportError, OSError):
        return ""  # the user of a container may have no name; then `--by` must be given
