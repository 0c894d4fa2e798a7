"""Capture from the inbox to the ledger, by workers in the test's own process."""
