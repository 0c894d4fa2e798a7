"""Tests: faults, database."""
