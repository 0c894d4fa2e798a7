"""The image, the compose files and nginx: real containers where there is an engine."""
