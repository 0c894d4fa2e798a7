"""Tests: integration, api, trades."""
