"""Databases, and servers that tests start in addition to those of `tradecapture.local.servers`."""
