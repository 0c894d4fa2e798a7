"""Tests: unit, trades."""
