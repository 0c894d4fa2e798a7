"""Tests: support, containers."""
