"""Faults under load: what a whole deployment survives, with real processes and real kills."""
