"""Tests: support, tds, translation."""
