"""The performance test and the scaling benchmark, with real workers."""
