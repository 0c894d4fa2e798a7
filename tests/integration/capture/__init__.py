"""Capture, from inbox to ledger, in one process."""
