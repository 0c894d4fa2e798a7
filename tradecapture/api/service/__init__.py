"""What one API process holds for all its requests."""
