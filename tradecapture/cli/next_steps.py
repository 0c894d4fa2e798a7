"""The next steps: commands to try, once a fleet runs."""

from pathlib import Path

USUAL_DATA = Path("tradecapture-data")  # the default of --data


def next_steps(data: Path) -> str:
    """Return the commands to try in another terminal while `up` runs on a data folder."""
    there = "" if data == USUAL_DATA else f" --data {data}"
    return (
        "In another terminal, from this folder:\n"
        "  tradecapture generate --trades 1000 --output trades.ndjson\n"
        f"  tradecapture submit trades.ndjson --wait{there}\n"
        f"  tradecapture positions{there}\n"
        f"  tradecapture reconcile{there}"
    )


def up_command(data: Path) -> str:
    """Return the command that starts a fleet on a data folder."""
    return "tradecapture up" + ("" if data == USUAL_DATA else f" --data {data}")
