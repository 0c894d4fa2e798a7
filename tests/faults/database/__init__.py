"""Databases that are killed, locked, unreachable, or that report deadlocks under load."""
