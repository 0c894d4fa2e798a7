"""Tests of a Redis Cluster whose nodes die, or whose slots move, under load."""
