"""The models, assessments and pages of the benchmarks."""
