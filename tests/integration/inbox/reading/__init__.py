"""Tests: integration, inbox, reading."""
