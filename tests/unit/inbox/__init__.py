"""The parts of the inbox that need no Redis."""
