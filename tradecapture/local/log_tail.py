"""The tail of a log: the last lines of a file, to show in an error."""

from pathlib import Path

LINES = 15  # enough for the end of a Python traceback
LINE_BYTES = 400  # of a long line, on average; bounds what is read of a huge log


def log_tail(log: Path) -> str:
    """Return the last lines of a log; a remark in brackets if there are none."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - LINES * LINE_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except OSError as error:
        return f"(no log: {error})"
    return "\n".join(lines[-LINES:]) or f"({log} is empty)"
