"""Tests: unit, deploy."""
