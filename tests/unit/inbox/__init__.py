"""Tests: unit, inbox."""
