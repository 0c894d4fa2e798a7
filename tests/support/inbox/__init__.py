"""Tests: support, inbox."""
