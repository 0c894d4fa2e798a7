"""Tests: support, faults, soak."""
