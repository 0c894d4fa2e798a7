"""Parts of the help texts: the exit codes, and the end of each command's help."""

NO_REWRAP = "\b"  # click's mark for a paragraph whose lines stay as they are

EXIT_CODES = f"""{NO_REWRAP}
Exit codes:
  0  done, and all is well
  1  done, and something is wrong: refused trades, a difference, a fault
  2  wrong use: an option, a setting, a file, the lane count or the schema
  3  Redis, the database or a program could not be reached
"""
COMMON_EXIT_CODES = "0 done; 2 wrong use; 3 a server could not be reached"


def epilog(*examples: str, codes: str = COMMON_EXIT_CODES) -> str:
    """Return the text below the options of a command.

    Args:
        examples: command lines.
        codes: what the exit codes mean for this command, separated by semicolons.
    """
    lines = [f"Exit codes: {codes}.", "", NO_REWRAP, "Examples:"]
    return "\n".join(lines + [f"  {example}" for example in examples])
