"""Inboxes: snapshots of Redis, scripts with a mistake in them, a model and its state machine."""
