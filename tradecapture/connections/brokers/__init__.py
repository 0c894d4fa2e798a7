"""Celery's brokers: their settings, the transports that reach them, and an app that only sends."""
