"""Runs Redis Clusters and Sentinels for tests, and moves slots between nodes."""
