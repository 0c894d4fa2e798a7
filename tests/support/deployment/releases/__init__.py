"""Fleets of two releases: previous ones from the Git history, and a synthetic next one."""
