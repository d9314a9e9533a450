"""Policy of choosing a backend: pure, told the time."""
