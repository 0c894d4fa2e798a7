"""Tests: faults, cluster."""
