"""Deployments in Docker containers, and stand-ins for images that may not be available."""
