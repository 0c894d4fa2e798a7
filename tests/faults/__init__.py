"""Tests of whole deployments of real processes that are killed, cut off or stopped under load."""
