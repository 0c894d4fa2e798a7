"""The endpoints under `/partitions`: reading partitions, and the operators' actions."""
