"""Sending: rows of files through the client, in order, chunk by chunk."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeGuard, TypeVar

from tradecapture.cli.commands.submit.answers import Answers
from tradecapture.cli.commands.submit.files import TradeFile
from tradecapture.cli.output import progress_bar
from tradecapture.client import Client, TradeInput
from tradecapture.trades.receipt import Answer, Refusal

CHUNK_TRADES = 1000  # a call of the client; more no longer lowers the cost of a trade
# How long to go on without room for a single trade; by then an operator must look.
PATIENCE_SECONDS = 120.0

Item = TypeVar("Item")


def send(client: Client, files: Iterable[TradeFile], size: int | None, answers: Answers) -> None:
    """Send rows until the files end. Where too many trades wait, wait for room and go on.

    Ends early where Redis does not answer, or no room is made: later trades must not overtake.

    Args:
        client: to submit with.
        files: whose rows to send, in their order.
        size: bytes of all files together; None: unknown.
        answers: told of each answer.
    """
    with progress_bar(of_bytes=True) as progress:
        task = progress.add_task("submitting", total=size, note="")
        done = 0  # bytes
        for file in files:
            end = 0
            for rows in _chunks(file.rows):
                trades = [row.trade for row in rows if row.trade is not None]
                given = iter(_submit(client, trades, lambda note: progress.update(task, note=note)))
                for row in rows:
                    answers.add(file, row, None if row.trade is None else next(given))
                if answers.not_sent:
                    return
                end = rows[-1].end
                note = f"{sum(answers.counts.values()):,} trades"
                progress.update(task, completed=done + end, note=note)
            done += end


def _submit(
    client: Client, trades: Sequence[TradeInput], note: Callable[[str], object]
) -> Sequence[Answer]:
    """Submit trades; send those again for which there was no room, while room is being made."""
    answers = client.submit_many(trades)
    give_up_at = time.monotonic() + PATIENCE_SECONDS
    while full := {index: answer for index, answer in enumerate(answers) if _is_full(answer)}:
        seconds = max(answer.retry_after_seconds or 0 for answer in full.values())
        if time.monotonic() + seconds > give_up_at:
            break
        note(f"too many trades wait: again in {seconds} s")
        time.sleep(seconds)
        again = client.submit_many([trades[index] for index in full])
        if not all(map(_is_full, again)):
            give_up_at = time.monotonic() + PATIENCE_SECONDS
        for index, answer in zip(full, again, strict=True):
            answers[index] = answer
    return answers


def _is_full(answer: Answer) -> TypeGuard[Refusal]:
    return isinstance(answer, Refusal) and answer.code.is_full


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while chunk := list(islice(items, CHUNK_TRADES)):
        yield chunk
