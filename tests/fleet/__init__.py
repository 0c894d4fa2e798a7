"""Real worker processes and APIs."""
