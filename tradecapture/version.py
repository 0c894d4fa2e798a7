"""The version of this code. setup.cfg reads it from here, and workers tell it to `doctor`."""

VERSION = "0.3.0"
FIRST_VERSION = "0.1.0"  # of a worker that does not tell its version: later releases do
