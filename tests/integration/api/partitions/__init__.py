"""Tests: integration, api, partitions."""
