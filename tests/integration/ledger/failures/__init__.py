"""Failures of the database: deadlocks, lost connections, servers that do not answer."""
