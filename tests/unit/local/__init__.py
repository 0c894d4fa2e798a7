"""Tests: unit, local."""
