"""Fleets of two releases: earlier ones from the history, and a synthetic next one."""
