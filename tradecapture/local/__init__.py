"""Everything that runs a fleet on one machine: for `up`, `demo`, benchmarks and tests."""
