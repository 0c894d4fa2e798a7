"""Tests: integration, ledger, schema."""
