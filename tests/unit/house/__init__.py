"""Tests: unit, house."""
