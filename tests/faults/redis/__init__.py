"""Tests of Redis servers that die, are out of reach, full, emptied, or replaced under load."""
