"""Tests: integration, ledger, capture."""
