"""Reads of the inboxes: partitions, backlog, load, entries."""
