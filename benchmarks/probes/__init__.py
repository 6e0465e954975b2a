"""What each gateway does on the same probe: `uv run python -m benchmarks.probes`."""
