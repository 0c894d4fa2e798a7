"""The soak: a program that runs a fleet under traffic and random faults, and reports on it."""
