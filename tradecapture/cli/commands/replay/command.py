"""`tradecapture replay`: parked or rejected trades are accepted again, after a look."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from redis.exceptions import RedisError

from tradecapture.capture.status import read_status
from tradecapture.cli.commands.replay.filter import ReplayFilter, filter_options
from tradecapture.cli.commands.replay.report import SHOWN, ReplayReport
from tradecapture.cli.errors import FOUND, UNREACHABLE, CommandError
from tradecapture.cli.options import (
    by_option,
    by_words,
    check_words,
    data_option,
    json_option,
    locate,
    why_option,
)
from tradecapture.cli.output import bar, command_line, epilog
from tradecapture.operations.action import Action
from tradecapture.operations.operators import Operator, open_operator
from tradecapture.operations.replay import ReplayRequest, replay_pages
from tradecapture.settings import DATABASE, REDIS
from tradecapture.trades.clock import from_ms
from tradecapture.trades.lifecycle import TradeState


@click.command(
    epilog=epilog(
        "tradecapture replay ES-1-00000042 --why 'mended upstream'",
        "tradecapture replay ES-1-00000042 --why 'mended upstream' --yes",
        "tradecapture replay --outcome rejected --reason 'was passed' --why 'late but wanted'",
        "tradecapture replay --account PB00042 --since 2026-01-15T09:30 --limit 100 --why again",
        codes=(
            "0 done, or shown; 1 nothing to replay, or some cannot be; 2 wrong use; "
            "3 a server out of reach"
        ),
    )
)
@filter_options
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Replay N trades, at most.")
@why_option(required=True)
@by_option
@click.option("--yes", "really", is_flag=True, help="Do it; without it, see what would be done.")
@json_option
@data_option
def replay(
    limit: int | None, why: str, by: str, really: bool, as_json: bool, data: Path, **fields: Any
) -> None:
    """Accept parked or rejected trades again: those with the IDs, or all that fit a filter.

    Each gets a new place at the tail of its partition and is judged anew, in the order in which
    they were accepted first. The record of the first time stays. Replaying twice is harmless: a
    trade is captured once.

    Look first: without --yes nothing is changed. WHEN is 2026-01-15 or 2026-01-15T09:30, in UTC
    unless it says otherwise.
    """
    given = ReplayFilter(**fields)
    if not given.words:
        raise click.UsageError(
            "say which trades: their IDs, or a filter (--outcome, --partition, --account, "
            "--since, --until, --reason). `--outcome parked` takes all that are parked"
        )
    check_words(by, why, Action.REPLAY)
    report = ReplayReport(given.trade_ids, as_json=as_json)
    missing: list[tuple[str, str]] = []
    with open_operator(locate(data, REDIS, DATABASE)) as operator:
        try:
            _replay(operator, given, ReplayRequest(limit, by, why, really), report)
            if limit is None or report.wanted < limit:
                missing += _explained(operator, report)
        finally:
            # Also what was done before a server went away.
            report.show(missing, really=really)
        _check_refused(operator, report)
    if not as_json:
        if len(given.trade_ids) > SHOWN:
            again = "the same command with --yes"
        else:
            cut = () if limit is None else ("--limit", str(limit))
            words = (*given.words, *cut, "--why", why, *by_words(by), "--yes")
            again = command_line(data, "replay", *words)
        report.conclude(again, data, really=really)
    if missing or report.not_done or not report.wanted:
        raise SystemExit(FOUND)


def _replay(
    operator: Operator, given: ReplayFilter, order: ReplayRequest, report: ReplayReport
) -> None:
    # In Redis time, by which rows are stamped: what is rejected anew meanwhile is not meant.
    now = from_ms(operator.inbox.now_ms() + 1)
    pages = replay_pages(operator.replay, operator.ledger, given.to_filter(now), order)
    with bar() as progress:
        name = "replaying" if order.really else "looking"
        task = progress.add_task(name, total=len(given.trade_ids) or None, note="")
        for page in pages:
            report.add(page)
            progress.update(task, advance=len(page), note=f"{report.wanted:,} trades")


def _explained(operator: Operator, report: ReplayReport) -> Iterator[tuple[str, str]]:
    """Yield why trades that were given cannot be replayed; few of them are looked up."""
    for index, trade_id in enumerate(report.missing):
        why = "not recorded as parked or rejected"
        if index < SHOWN:
            status = read_status(operator.ledger, operator.inbox, trade_id)
            why = _WHY_NOT[status.status] if status else "no trade with this id was accepted"
        yield trade_id, why


_WHY_NOT = {
    TradeState.ACCEPTED: "it waits in its inbox",
    TradeState.CAPTURED: "it is captured",
    TradeState.BUFFERED: "it is buffered until upstream's lower numbers have come",
    TradeState.PARKED: "it is parked, but does not fit the other options",
    TradeState.REJECTED: "it is rejected, but does not fit the other options",
}


def _check_refused(operator: Operator, report: ReplayReport) -> None:
    """End with an error where trades were not accepted: Redis is away, or too many wait."""
    if not report.refused_because:
        return
    try:
        operator.inbox.now_ms()
        exit_code = FOUND
    except RedisError:
        exit_code = UNREACHABLE
    raise CommandError(
        f"{report.refused_because}. {report.wanted} trades are accepted again and safe; these, "
        "and those behind them, stay recorded as they were. Run the same command again: what was "
        "accepted is recognised",
        exit_code,
    )
