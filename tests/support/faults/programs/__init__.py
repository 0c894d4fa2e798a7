"""Tests: support, faults, programs."""
