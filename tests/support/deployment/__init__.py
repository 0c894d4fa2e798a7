"""Whole deployments of real processes: started, loaded with traffic, checked."""
