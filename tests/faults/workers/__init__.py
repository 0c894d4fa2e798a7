"""Tests of workers and APIs that are killed, stopped, restarted or given a wrong clock."""
