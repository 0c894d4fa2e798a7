"""Local servers and programs: what `tradecapture up`, benchmarks and tests run by themselves."""
