"""Tests: support, faults."""
