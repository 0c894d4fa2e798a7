"""Tests: integration, tds."""
