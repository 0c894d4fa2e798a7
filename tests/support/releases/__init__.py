"""Tests: support, releases."""
