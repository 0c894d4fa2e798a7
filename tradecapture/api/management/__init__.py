"""The backlog, for autoscalers, and health, for load balancers and probes."""
