"""Tests: faults, redis."""
