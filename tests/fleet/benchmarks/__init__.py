"""Tests: fleet, benchmarks."""
