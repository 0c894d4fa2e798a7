"""The benchmarks with a real Redis or HTTP server: what they must and must not report."""
