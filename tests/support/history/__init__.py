"""The history: what was invoked, answered and broken, and the checker that reads it."""
