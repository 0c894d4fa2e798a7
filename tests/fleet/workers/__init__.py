"""The fleet as it runs: real worker processes, real kills."""
