"""Sends trades to a deployment and records each answer."""
