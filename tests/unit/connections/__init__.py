"""Tests: unit, connections."""
