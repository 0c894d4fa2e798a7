"""Submits the rows of files through the client: in order, and chunk by chunk."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeGuard, TypeVar

from tradecapture.cli.commands.submit.files import TradeFile
from tradecapture.cli.commands.submit.report import SubmitReport
from tradecapture.cli.output import progress_bar
from tradecapture.client import Client, TradeInput
from tradecapture.trades.receipt import Answer, Refusal

CHUNK_TRADES = 1000  # in one call of the client; a larger chunk does not lower the cost of a trade
# How long to retry while there is no room for any trade; after it an operator must act.
NO_ROOM_TIMEOUT_SECONDS = 120.0

Item = TypeVar("Item")


def send(
    client: Client, files: Iterable[TradeFile], size: int | None, report: SubmitReport
) -> None:
    """Submit the rows of files. If too many trades wait, wait for room and go on.

    It ends early if Redis does not answer, or if no room is made, because later trades must not
    overtake earlier ones.

    Args:
        client: submits the trades.
        files: in their order.
        size: bytes of all files together; None: unknown.
        report: gets each answer.
    """
    with progress_bar(of_bytes=True) as progress:
        task = progress.add_task("submitting", total=size, note="")
        previous_bytes = 0  # of the files before
        for file in files:
            end = 0
            for rows in _chunks(file.rows):
                trades = [row.trade for row in rows if row.trade is not None]
                answers = iter(
                    _submit(client, trades, lambda note: progress.update(task, note=note))
                )
                for row in rows:
                    report.add(file, row, None if row.trade is None else next(answers))
                if report.not_sent:
                    return
                end = rows[-1].end
                note = f"{sum(report.counts.values()):,} trades"
                progress.update(task, completed=previous_bytes + end, note=note)
            previous_bytes += end


def _submit(
    client: Client, trades: Sequence[TradeInput], note: Callable[[str], object]
) -> Sequence[Answer]:
    """Submit trades; retry those that had no room for as long as room is made."""
    answers = client.submit_many(trades)
    retry_until = time.monotonic() + NO_ROOM_TIMEOUT_SECONDS
    while full := {index: answer for index, answer in enumerate(answers) if _is_full(answer)}:
        seconds = max(answer.retry_after_seconds or 0 for answer in full.values())
        if time.monotonic() + seconds > retry_until:
            break
        note(f"too many trades wait; next try in {seconds} s")
        time.sleep(seconds)
        retried = client.submit_many([trades[index] for index in full])
        if not all(map(_is_full, retried)):
            retry_until = time.monotonic() + NO_ROOM_TIMEOUT_SECONDS
        for index, answer in zip(full, retried, strict=True):
            answers[index] = answer
    return answers


def _is_full(answer: Answer) -> TypeGuard[Refusal]:
    return isinstance(answer, Refusal) and answer.code.is_full


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while chunk := list(islice(items, CHUNK_TRADES)):
        yield chunk
