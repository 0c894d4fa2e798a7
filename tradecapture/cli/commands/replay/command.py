"""The command `tradecapture replay`: shows what a replay would do, or does it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from redis.exceptions import RedisError

from tradecapture.capture.status import read_status
from tradecapture.cli.command_lines import command_line
from tradecapture.cli.commands.replay.filter import ReplayFilter, filter_options
from tradecapture.cli.commands.replay.report import SHOWN, ReplayReport
from tradecapture.cli.errors import EXIT_FAULT, EXIT_UNREACHABLE, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.options import (
    by_arguments,
    by_option,
    check_reason,
    data_option,
    find_settings,
    json_option,
    why_option,
)
from tradecapture.cli.output import progress_bar
from tradecapture.operations import (
    Action,
    Operator,
    ReplayRequest,
    open_operator,
    replay_pages,
)
from tradecapture.settings import DATABASE, REDIS
from tradecapture.trades.clock import from_ms
from tradecapture.trades.lifecycle import TradeState


@click.command(
    epilog=epilog(
        "tradecapture replay ES-1-00000042 --why 'corrected upstream'",
        "tradecapture replay ES-1-00000042 --why 'corrected upstream' --yes",
        "tradecapture replay --outcome rejected --reason 'was passed' --why 'late but needed'",
        "tradecapture replay --account PB00042 --since 2026-01-15T09:30 --limit 100 --why again",
        codes=(
            "0 done, or shown; 1 nothing to replay, or some cannot be replayed; 2 wrong use; "
            "3 a server out of reach"
        ),
    )
)
@filter_options
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Replay at most N trades.")
@why_option(required=True)
@by_option
@click.option(
    "--yes", "confirmed", is_flag=True, help="Do it; without it, only show what would be done."
)
@json_option
@data_option
def replay(
    limit: int | None, why: str, by: str, confirmed: bool, as_json: bool, data: Path, **fields: Any
) -> None:
    """Accept parked or rejected trades again.

    These are the trades with the IDs, or all trades that fit a filter.

    Each trade gets a new position at the end of its partition and is captured, or not, like any
    other trade. Trades keep the order in which they were first accepted. The record of the first
    time stays. Replaying twice is harmless: a trade is captured once.

    Without --yes nothing is changed: see first what would be done. WHEN is 2026-01-15 or
    2026-01-15T09:30; without a time zone it is UTC.
    """
    replay_filter = ReplayFilter(**fields)
    if not replay_filter.words:
        raise click.UsageError(
            "say which trades: give their IDs, or a filter (--outcome, --partition, --account, "
            "--since, --until, --reason). `--outcome parked` takes all parked trades"
        )
    check_reason(by, why, Action.REPLAY)
    request = ReplayRequest(limit, by, why, dry_run=not confirmed)
    report = ReplayReport(replay_filter.trade_ids, as_json=as_json, dry_run=not confirmed)
    missing: list[tuple[str, str]] = []
    with open_operator(find_settings(data, REDIS, DATABASE)) as operator:
        try:
            _replay(operator, replay_filter, request, report)
            if limit is None or report.replayable < limit:
                missing += _explain_missing(operator, report)
        finally:
            # A server may have gone away: the report has what was done before.
            report.show(missing)
        _check_refused(operator, report)
    if not as_json:
        if len(replay_filter.trade_ids) > SHOWN:
            command = "the same command with --yes"
        else:
            limit_words = () if limit is None else ("--limit", str(limit))
            words = (*replay_filter.words, *limit_words, "--why", why, *by_arguments(by), "--yes")
            command = command_line(data, "replay", *words)
        report.conclude(command, data)
    if missing or report.not_done or not report.replayable:
        raise SystemExit(EXIT_FAULT)


def _replay(
    operator: Operator, replay_filter: ReplayFilter, request: ReplayRequest, report: ReplayReport
) -> None:
    # Rows have Redis time. Those that are recorded from now on are left out; otherwise a trade that
    # is rejected again would be replayed again, without end.
    now = from_ms(operator.inbox_reader.now_ms() + 1)
    trades = replay_filter.to_filter(now)
    pages = replay_pages(operator.replay, operator.ledger_reader, trades, request)
    with progress_bar() as progress:
        name = "planning" if request.dry_run else "replaying"
        task = progress.add_task(name, total=len(replay_filter.trade_ids) or None, note="")
        for page in pages:
            report.add(page)
            progress.update(task, advance=len(page), note=f"{report.replayable:,} trades")


def _explain_missing(operator: Operator, report: ReplayReport) -> Iterator[tuple[str, str]]:
    """Yield each id that was given and is not recorded, and why; only the first are looked up."""
    for index, trade_id in enumerate(report.missing):
        why = "not recorded as parked or rejected"
        if index < SHOWN:
            status = read_status(operator.ledger_reader, operator.inbox_reader, trade_id)
            why = _WHY_MISSING[status.status] if status else "no trade with this id was accepted"
        yield trade_id, why


_WHY_MISSING = {
    TradeState.ACCEPTED: "it waits in its inbox",
    TradeState.CAPTURED: "it is captured",
    TradeState.BUFFERED: "it is buffered until the lower upstream numbers have come",
    TradeState.PARKED: "it is parked, but does not fit the other options",
    TradeState.REJECTED: "it is rejected, but does not fit the other options",
}


def _check_refused(operator: Operator, report: ReplayReport) -> None:
    """End with an error if trades were not accepted: Redis is unreachable, or too many wait."""
    if not report.refused_because:
        return
    try:
        operator.inbox_reader.now_ms()
        exit_code = EXIT_FAULT
    except RedisError:
        exit_code = EXIT_UNREACHABLE
    raise CommandError(
        f"{report.refused_because}. {report.replayable} trades are accepted again and safe. The "
        "trade that was not accepted, and all after it, stay recorded as they were. Run the same "
        "command again: it replays the rest, and no trade twice",
        exit_code,
    )
