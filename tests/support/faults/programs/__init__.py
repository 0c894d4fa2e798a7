"""Programs that misbehave on purpose: workers, an API and a writer, run as real processes."""
