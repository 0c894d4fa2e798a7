"""Servers that tests start beside those of `tradecapture.local.servers`, and databases."""
