"""Operators' actions, replays and interruptions, on a real Redis and each database."""
