"""Tests: integration, ledger, queries."""
