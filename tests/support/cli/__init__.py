"""The command line, run in a test's own process."""
