"""A trade: its fields, rules, keys, states and sums. Pure functions and values, no I/O."""
