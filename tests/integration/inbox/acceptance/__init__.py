"""Tests: integration, inbox, acceptance."""
