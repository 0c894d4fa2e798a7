"""The scaling table: trades a second against worker processes, with a database that waits."""
