"""One process with real Redis and real databases."""
