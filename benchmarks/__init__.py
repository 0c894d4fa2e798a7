"""Benchmarks: what a trade costs, as ratios taken side by side in one run."""
