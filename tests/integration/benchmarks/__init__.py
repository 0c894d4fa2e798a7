"""The benchmarks themselves: what they would see, and what they must not overlook."""
