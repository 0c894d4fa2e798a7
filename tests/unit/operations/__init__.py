"""Tests: unit, operations."""
