"""Sending: rows of files through the client, in order, chunk by chunk."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from tradecapture.cli.answers import Answered, Answers
from tradecapture.cli.screen import bar
from tradecapture.cli.trade_files import TradeFile
from tradecapture.client import Client

CHUNK_TRADES = 1000  # a call of the client; more no longer lowers the cost of a trade

Item = TypeVar("Item")


def send(client: Client, files: Iterable[TradeFile], size: int | None, answers: Answers) -> None:
    """Send rows until the files end, or Redis does not answer: later trades must not overtake.

    Args:
        client: to submit with.
        files: whose rows to send, in their order.
        size: bytes of all files together; None: unknown.
        answers: told of each answer.
    """
    with bar(of_bytes=True) as progress:
        task = progress.add_task("submitting", total=size, note="")
        done = 0  # bytes
        for file in files:
            end = 0
            for rows in _chunks(file.rows):
                trades = [row.trade for row in rows if row.trade is not None]
                given = iter(client.submit_many(trades))
                for row in rows:
                    answers.add(file, row, None if row.trade is None else next(given))
                if answers.counts[Answered.UNAVAILABLE]:
                    return
                end = rows[-1].end
                note = f"{sum(answers.counts.values()):,} trades"
                progress.update(task, completed=done + end, note=note)
            done += end


def _chunks(items: Iterator[Item]) -> Iterator[list[Item]]:
    while chunk := list(islice(items, CHUNK_TRADES)):
        yield chunk
