"""The filter of a replay: options that select recorded trades."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import click

from tradecapture.cli.options import check_key
from tradecapture.ledger.queries.operator_reader import REPLAYABLE, ExceptionFilter
from tradecapture.trades.lifecycle import Outcome
from tradecapture.trades.partition import PartitionKey
from tradecapture.trades.trade import is_trade_id


class ReplayFilter(NamedTuple):
    """The filter as the operator typed it."""

    trade_ids: tuple[str, ...]
    outcome: str | None
    partition: PartitionKey | None
    account: str | None
    since: datetime | None
    until: datetime | None
    reason: str | None

    @property
    def words(self) -> list[str]:
        """The words that give the same filter on a command line."""
        words = list(self.trade_ids)
        for name, value in zip(self._fields[1:], self[1:], strict=True):
            if value is not None:
                text = value.isoformat() if isinstance(value, datetime) else str(value)
                words += [f"--{name}", text]
        return words

    def to_filter(self, now: datetime) -> ExceptionFilter:
        """Return the ledger's filter for the trades that were recorded before now."""
        return ExceptionFilter(
            trade_ids=self.trade_ids,
            outcomes=(Outcome(self.outcome.upper()),) if self.outcome else REPLAYABLE,
            partition_key=self.partition,
            account_id=self.account,
            since=self.since,
            until=min(self.until, now) if self.until else now,
            reason=self.reason,
        )


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument and the options of a filter to a command."""
    outcomes = click.Choice([outcome.value.lower() for outcome in REPLAYABLE])
    for decorate in reversed(
        [
            click.argument("trade_ids", metavar="[ID]...", nargs=-1, callback=_ids),
            click.option("--outcome", type=outcomes, help="Only parked, or only rejected trades."),
            _option("--partition", "KEY", check_key, "Only trades of this partition."),
            _option("--account", "ACCOUNT", _text, "Only trades of this account."),
            _option("--since", "WHEN", _moment, "Only trades recorded at WHEN or later."),
            _option("--until", "WHEN", _moment, "Only trades recorded before WHEN."),
            _option("--reason", "TEXT", _text, "Only trades whose reason contains TEXT."),
        ]
    ):
        command = decorate(command)
    return command


def _option(name: str, metavar: str, callback: Callable[..., Any], text: str) -> Callable[..., Any]:
    return click.option(name, metavar=metavar, callback=callback, help=text)


def _ids(
    _context: click.Context, _argument: click.Parameter, trade_ids: tuple[str, ...]
) -> tuple[str, ...]:
    if wrong := [trade_id for trade_id in trade_ids if not is_trade_id(trade_id)]:
        raise click.BadParameter(f"no trade can have the id {', '.join(map(repr, wrong))}")
    return trade_ids


def _text(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    if text is not None and not (text and text.isprintable()):
        raise click.BadParameter(f"{text!r} is empty, or has characters that cannot be printed")
    return text


def _moment(_context: click.Context, _option: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f"{text!r} is no date or time: give 2026-01-15, 2026-01-15T09:30 or "
            "2026-01-15T09:30:00+01:00; without a zone it is UTC"
        ) from error
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
