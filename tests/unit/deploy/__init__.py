"""The image, the compose files and the Kubernetes manifests, read as text."""
