"""Tests: upgrade, next_release."""
