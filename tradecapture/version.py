"""The release of this code, as its processes say it; setup.cfg reads it from here."""

RELEASE = "0.3.0"
# Releases before 0.2.0 say nothing of themselves.
FIRST_VERSION = "0.1.0"
