"""Submission of single trades and batches: responses, sequence numbers, backpressure."""
