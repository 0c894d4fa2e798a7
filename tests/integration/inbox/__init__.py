"""The inbox on a real Redis."""
