"""Acceptance: what `accept` appends, refuses, predicts and repeats."""
