"""A worker and an operator that run in a test's own process."""
