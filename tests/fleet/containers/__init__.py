"""The image, the compose files and nginx, in real containers if a Docker engine is available."""
