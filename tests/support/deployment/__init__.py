"""Tests: support, deployment."""
