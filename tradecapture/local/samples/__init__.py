"""Sample trades: realistic equity swaps, the same for the same seed."""
