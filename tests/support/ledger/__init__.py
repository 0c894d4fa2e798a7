"""Tests: support, ledger."""
