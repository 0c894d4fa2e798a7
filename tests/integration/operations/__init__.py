"""Tests: integration, operations."""
