"""Tests: support, capture."""
