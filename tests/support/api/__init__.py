"""Tests: support, api."""
