"""Tests: integration, api, submission."""
