"""The figures this project claims, and how to get them again: `uv run python -m benchmarks`."""
