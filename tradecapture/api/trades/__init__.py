"""trades."""
