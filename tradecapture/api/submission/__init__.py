"""Submission of trades: one at a time, or in batches."""
