"""`tradecapture format`: the format in which accepted trades are written into the inboxes."""

from pathlib import Path

import click

from tradecapture.cli.errors import EXIT_FAULT, EXIT_USAGE, CommandError
from tradecapture.cli.help import epilog
from tradecapture.cli.options import data_option, find_settings
from tradecapture.cli.output import output
from tradecapture.doctor.workers import PATIENT_REPLY_TIMEOUT_SECONDS, ask_workers, newest_formats
from tradecapture.inbox import Inbox
from tradecapture.inbox.entry import EntryFormatError, newest_format
from tradecapture.settings import REDIS
from tradecapture.version import VERSION


@click.command(
    "format",
    epilog=epilog(
        "tradecapture format",
        "tradecapture format --write 1",
        codes="0 done; 1 a worker cannot read that format; 2 wrong use; "
        "3 a server could not be reached",
    ),
)
@click.option(
    "--write",
    "new_format",
    type=int,
    metavar="N",
    help="Let all processes write format N from now on.",
)
@data_option
def entry_format(new_format: int | None, data: Path) -> None:
    """Show or change the format of trades in the inboxes.

    Every release reads all formats up to its newest, and writes the format that is recorded in
    Redis. Raise it when all workers are of a release that reads the new format. Lower it again
    before you start workers of an older release.
    """
    settings = find_settings(data, REDIS)
    workers = newest_formats(ask_workers(settings, PATIENT_REPLY_TIMEOUT_SECONDS))
    inbox = Inbox.connect(settings)
    try:
        inbox.check_lane_count()
        recorded = inbox.entry_format.recorded()
        if new_format is not None:
            if unable := sorted(name for name, newest in workers.items() if newest < new_format):
                raise CommandError(
                    f"these workers cannot read format {new_format}: {', '.join(unable)}. Replace "
                    "them by workers of a newer release first. Nothing was changed",
                    EXIT_FAULT,
                )
            inbox.entry_format.record(new_format)
    except EntryFormatError as error:
        raise CommandError(str(error), EXIT_USAGE) from error
    finally:
        inbox.close()
    readable = f"release {VERSION} reads formats up to {newest_format()}"
    if new_format is None or new_format == recorded:
        current = str(recorded)
    else:
        current = f"{new_format} (before: {recorded})"
    output().print(f"Trades are written in format {current}; {readable}.")
