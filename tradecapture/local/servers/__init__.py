"""Servers on this machine, each started, stopped and killed as a context manager."""
