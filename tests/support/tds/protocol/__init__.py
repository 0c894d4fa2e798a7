"""Tests: support, tds, protocol."""
