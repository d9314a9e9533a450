"""Every number that the documentation names, measured: `python -m benchmarks`."""
