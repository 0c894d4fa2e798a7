"""Another program at SQLite's file: holds the write lock until its input ends.

`python -m tests.support.faults.programs.locking_writer FILE` says `locked` once it has the lock.
"""

import sqlite3
import sys

PATIENCE_SECONDS = 30.0  # for the lock, beside workers that write all the time


def main(file: str) -> None:
    """Hold the lock."""
    connection = sqlite3.connect(file, timeout=PATIENCE_SECONDS, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    sys.stdout.write("locked\n")
    sys.stdout.flush()
    sys.stdin.read()
    connection.execute("ROLLBACK")


if __name__ == "__main__":
    main(sys.argv[1])
