"""Tests: integration, ledger, failures."""
