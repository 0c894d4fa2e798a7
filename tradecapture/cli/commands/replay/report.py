"""The report of a replay: how many trades became what, the first of them, and what is missing."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from tradecapture.cli.output import command_line, output, remarks, table
from tradecapture.operations import Replayed, ReplayState

SHOWN = 20  # trades that are shown; --json prints all
# These had their replay, or need none: with a filter they are only counted.
SETTLED = (ReplayState.CAPTURED, ReplayState.SUPERSEDED)
WANTED = (ReplayState.READY, ReplayState.ACCEPTED, ReplayState.REPEATED)
NOT_DONE = (ReplayState.REFUSED, ReplayState.CONFLICT, ReplayState.HALTS)


class ReplayReport:
    """Counts what became of trades. As JSON it prints each at once, so that it keeps few."""

    def __init__(self, trade_ids: Iterable[str], *, as_json: bool) -> None:
        self.counts: Counter[ReplayState] = Counter()
        self.shown: list[Replayed] = []
        self.missing = dict.fromkeys(trade_ids)  # given, and not recorded as parked or rejected
        self.refused_because = ""  # why the first one was not accepted; empty: all were
        self._by_id, self._as_json = bool(self.missing), as_json
        self._separator = '{"trades": [\n'

    @property
    def wanted(self) -> int:
        """Trades that are accepted again, or would be."""
        return sum(self.counts[state] for state in WANTED)

    @property
    def not_done(self) -> int:
        """Trades that cannot be replayed, or not yet."""
        return sum(self.counts[state] for state in NOT_DONE)

    def add(self, page: Sequence[Replayed]) -> None:
        """Note what became of some trades."""
        for replayed in page:
            self.counts[replayed.state] += 1
            self.missing.pop(replayed.row.trade_id, None)
            if replayed.state is ReplayState.REFUSED and not self.refused_because:
                self.refused_because = replayed.message
            if len(self.shown) < SHOWN and (self._by_id or replayed.state not in SETTLED):
                self.shown.append(replayed)
            if self._as_json:
                click.echo(
                    self._separator + msgspec.json.encode(_facts(replayed)).decode(), nl=False
                )
                self._separator = ",\n"

    def show(self, missing: Sequence[tuple[str, str]], *, really: bool) -> None:
        """Print the report, or what is left of its JSON.

        Args:
            missing: trade ids that were given and cannot be replayed, and why.
            really: it was done, and not only planned.
        """
        if self._as_json:
            beginning = self._separator if not self.counts else ""
            rest = {
                "dryRun": not really,
                "counts": {state.name: number for state, number in self.counts.items()},
                "missing": [{"tradeId": trade_id, "why": why} for trade_id, why in missing],
            }
            click.echo(f"{beginning}],\n{msgspec.json.encode(rest).decode()[1:]}")
            return
        columns = ("trade", "partition", "position #", "was", "why", "replay")
        rows = [
            (
                replayed.row.trade_id,
                replayed.row.partition_key,
                replayed.row.position,
                replayed.row.outcome.lower(),
                replayed.row.reason,
                _said(replayed),
            )
            for replayed in self.shown
        ]
        screen = output()
        if rows:
            screen.print(table("Parked and rejected trades", columns, rows))
        listed = sum(self.counts.values())
        if listed > len(rows):
            screen.print(f"Shown are {len(rows)} of {listed:,} trades; --json prints all of them.")
        counted = [(state.value, self.counts[state]) for state in ReplayState if self.counts[state]]
        if counted:
            screen.print(table("Replay", ("what becomes of them", "trades #"), counted))
        for trade_id, why in missing[:SHOWN]:
            remarks().print(f"{trade_id}: {why}")
        if len(missing) > SHOWN:
            remarks().print(f"... and {len(missing) - SHOWN} more; --json names all of them")

    def conclude(self, again: str, data: Path, *, really: bool) -> None:
        """Print what was done, or how to do it, and what leads on.

        Args:
            again: the command that does it.
            data: the data folder, for commands.
            really: it was done, and not only planned.
        """
        screen = output()
        if not self.wanted:
            screen.print("Nothing to replay.")
        elif not really:
            screen.print(f"Dry run, nothing was changed. To replay {_trades(self.wanted)}:")
            screen.print(f"  {again}", soft_wrap=True)
        else:
            before = self.counts[ReplayState.REPEATED]
            already = f" ({before:,} of them before)" if before else ""
            screen.print(f"{_trades(self.wanted)} accepted again{already}, behind all others.")
            accepted = [replayed for replayed in self.shown if replayed.state in WANTED]
            if len(accepted) == 1:
                line = command_line(data, "trade", accepted[0].row.trade_id)
                screen.print(f"  To see it: {line}", soft_wrap=True)
        halted = (each for each in self.shown if each.state is ReplayState.HALTS)
        for partition_key in dict.fromkeys(replayed.row.partition_key for replayed in halted):
            line = command_line(data, "partitions", "show", partition_key)
            screen.print(f"  To look at a halted partition: {line}", soft_wrap=True)


def _trades(number: int) -> str:
    return f"{number:,} trade" if number == 1 else f"{number:,} trades"


def _said(replayed: Replayed) -> str:
    return f"{replayed.state}: {replayed.message}" if replayed.message else replayed.state.value


def _facts(replayed: Replayed) -> dict[str, Any]:
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
