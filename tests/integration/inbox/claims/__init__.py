"""Tests: integration, inbox, claims."""
