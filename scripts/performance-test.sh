#!/bin/sh
# The performance test against a running deployment: scripts/performance-test.sh --help.
# Thin: it finds the repository's own Python, makes it at the first run, and hands over.
set -eu
root=$(cd -- "$(dirname -- "$0")/.." && pwd)
if [ ! -x "$root/.venv/bin/python" ]; then
    echo "performance-test: setting up $root/.venv, once" >&2
    make -s -C "$root" .venv/installed >&2
fi
# What was given with a path, such as --write, stays relative to where the user is.
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$root/.venv/bin/python" -m benchmarks.performance "$@"
