"""Tests: faults, workers."""
