"""Tests: unit, support."""
