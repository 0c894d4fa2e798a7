"""Deployments in Docker containers, and the images that stand in for released ones."""
