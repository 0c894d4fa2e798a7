"""Tests: faults, guards."""
