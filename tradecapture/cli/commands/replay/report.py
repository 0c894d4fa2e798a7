"""The report of a replay: how many trades became what, the first of them, and next steps."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from tradecapture.cli.command_lines import command_line
from tradecapture.cli.output import messages, output, table
from tradecapture.operations import Replayed, ReplayState

SHOWN = 20  # trades that the tables list; --json prints all
# These trades need no replay. A report of a filter only counts them.
NOT_NEEDED = (ReplayState.CAPTURED, ReplayState.SUPERSEDED)
REPLAYABLE = (ReplayState.READY, ReplayState.ACCEPTED, ReplayState.REPEATED)
NOT_DONE = (ReplayState.REFUSED, ReplayState.CONFLICT, ReplayState.HALTS)


class ReplayReport:
    """Counts what became of trades, and prints it.

    It keeps only the trades that the tables list. JSON is printed trade by trade, as they come.
    """

    def __init__(self, trade_ids: Iterable[str], *, as_json: bool, dry_run: bool) -> None:
        self.counts: Counter[ReplayState] = Counter()
        self.shown: list[Replayed] = []
        self.missing = dict.fromkeys(trade_ids)  # not recorded as parked or rejected, in order
        self.refused_because = ""  # why the first trade was not accepted; empty: all were
        self._by_id, self._as_json, self._dry_run = bool(self.missing), as_json, dry_run
        self._separator = '{"trades": [\n'

    @property
    def replayable(self) -> int:
        """How many trades are accepted again, or would be."""
        return sum(self.counts[state] for state in REPLAYABLE)

    @property
    def not_done(self) -> int:
        """How many trades cannot be replayed, or not yet."""
        return sum(self.counts[state] for state in NOT_DONE)

    def add(self, page: Sequence[Replayed]) -> None:
        """Add what became of some trades."""
        for replayed in page:
            self.counts[replayed.state] += 1
            self.missing.pop(replayed.row.trade_id, None)
            if replayed.state is ReplayState.REFUSED and not self.refused_because:
                self.refused_because = replayed.message
            if len(self.shown) < SHOWN and (self._by_id or replayed.state not in NOT_NEEDED):
                self.shown.append(replayed)
            if self._as_json:
                text = msgspec.json.encode(_json(replayed)).decode()
                click.echo(self._separator + text, nl=False)
                self._separator = ",\n"

    def show(self, missing: Sequence[tuple[str, str]]) -> None:
        """Print the tables, or the rest of the JSON.

        Args:
            missing: trade ids that were given and are not recorded, each with the reason.
        """
        if self._as_json:
            self._end_json(missing)
        else:
            self._show_tables(missing)

    def conclude(self, command: str, data: Path) -> None:
        """Print the result in one sentence, and the next commands.

        Args:
            command: that does what this dry run has shown.
            data: the data folder, for command lines.
        """
        screen = output()
        if not self.replayable:
            screen.print("Nothing to replay.")
        elif self._dry_run:
            screen.print(f"Dry run, nothing was changed. To replay {_trades(self.replayable)}:")
            screen.print(f"  {command}", soft_wrap=True)
        else:
            self._show_accepted(data)
        halted = (each for each in self.shown if each.state is ReplayState.HALTS)
        for partition in dict.fromkeys(replayed.row.partition_key for replayed in halted):
            line = command_line(data, "partitions", "show", partition)
            screen.print(f"  To see a halted partition: {line}", soft_wrap=True)

    def _end_json(self, missing: Sequence[tuple[str, str]]) -> None:
        start = "" if self.counts else self._separator
        rest = {
            "dryRun": self._dry_run,
            "counts": {state.name: number for state, number in self.counts.items()},
            "missing": [{"tradeId": trade_id, "why": why} for trade_id, why in missing],
        }
        click.echo(f"{start}],\n{msgspec.json.encode(rest).decode()[1:]}")

    def _show_tables(self, missing: Sequence[tuple[str, str]]) -> None:
        columns = ("trade", "partition", "position #", "was", "why", "replay")
        rows = [
            (
                replayed.row.trade_id,
                replayed.row.partition_key,
                replayed.row.position,
                replayed.row.outcome.lower(),
                replayed.row.reason,
                _text(replayed),
            )
            for replayed in self.shown
        ]
        screen = output()
        if rows:
            screen.print(table("Parked and rejected trades", columns, rows))
        total = sum(self.counts.values())
        if total > len(rows):
            screen.print(f"Listed are {len(rows)} of {total:,} trades; --json prints all of them.")
        counts = [(state.value, self.counts[state]) for state in ReplayState if self.counts[state]]
        if counts:
            screen.print(table("Replay", ("what becomes of them", "trades #"), counts))
        for trade_id, why in missing[:SHOWN]:
            messages().print(f"{trade_id}: {why}")
        if len(missing) > SHOWN:
            messages().print(f"... and {len(missing) - SHOWN} more; --json names all of them")

    def _show_accepted(self, data: Path) -> None:
        screen, repeated = output(), self.counts[ReplayState.REPEATED]
        before = f" ({repeated:,} of them before)" if repeated else ""
        where = "at the end of its partition"
        if self.replayable > 1:
            where = f"each {where}"
        screen.print(f"{_trades(self.replayable)} accepted again{before}, {where}.")
        accepted = [replayed for replayed in self.shown if replayed.state in REPLAYABLE]
        if len(accepted) == 1:
            line = command_line(data, "trade", accepted[0].row.trade_id)
            screen.print(f"  To see it: {line}", soft_wrap=True)


def _trades(number: int) -> str:
    return f"{number:,} trade" if number == 1 else f"{number:,} trades"


def _text(replayed: Replayed) -> str:
    return f"{replayed.state}: {replayed.message}" if replayed.message else replayed.state.value


def _json(replayed: Replayed) -> dict[str, Any]:
    row = replayed.row
    return {
        "tradeId": row.trade_id,
        "partitionKey": row.partition_key,
        "epoch": row.epoch,
        "position": row.position,
        "outcome": row.outcome,
        "reason": row.reason,
        "recordedAt": row.recorded_at,
        "state": replayed.state.name,
        "message": replayed.message or replayed.state.value,
    }
