"""Starts whole deployments of real processes, sends them traffic, and checks their invariants."""
