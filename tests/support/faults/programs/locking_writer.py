"""A program that holds the write lock of an SQLite file until its standard input ends.

`python -m tests.support.faults.programs.locking_writer FILE` prints `locked` once it has the lock.
"""

import sqlite3
import sys

PATIENCE_SECONDS = 30.0  # to get the lock while workers keep writing


def main(file: str) -> None:
    """Take the lock, report it, and hold it until the input ends."""
    connection = sqlite3.connect(file, timeout=PATIENCE_SECONDS, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    sys.stdout.write("locked\n")
    sys.stdout.flush()
    sys.stdin.read()
    connection.execute("ROLLBACK")


if __name__ == "__main__":
    main(sys.argv[1])
