"""Benchmarks: what a trade costs and how the fleet scales, as ratios measured in one run."""
