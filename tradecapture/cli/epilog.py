"""The epilog of a command's help: its exit codes and examples, each on a line of its own."""

ALONE = "\b"  # click's mark of a paragraph whose lines stay as they are
USUAL_CODES = "0 done; 2 wrong use; 3 a server out of reach"


def epilog(*examples: str, codes: str = USUAL_CODES) -> str:
    """Return the text below the options of a command.

    Args:
        examples: command lines.
        codes: what the exit codes mean here, separated by semicolons.
    """
    lines = [f"Exit codes: {codes}.", "", ALONE, "Examples:"]
    return "\n".join(lines + [f"  {example}" for example in examples])
