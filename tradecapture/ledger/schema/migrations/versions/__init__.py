"""The migrations of the contract phase, one module each: the first tables, then removals."""
