#!/bin/sh
# The performance test against a running deployment: scripts/performance-test.sh --help.
# It starts benchmarks.performance with the repository's Python, which it installs at the first run.
set -eu
root=$(cd -- "$(dirname -- "$0")/.." && pwd)
if [ ! -x "$root/.venv/bin/python" ]; then
    echo "performance-test: setting up $root/.venv, once" >&2
    make -s -C "$root" .venv/installed >&2
fi
# No cd: paths such as that of --write stay relative to the user's folder.
PYTHONPATH="$root${PYTHONPATH:+:$PYTHONPATH}" exec "$root/.venv/bin/python" -m benchmarks.performance "$@"
