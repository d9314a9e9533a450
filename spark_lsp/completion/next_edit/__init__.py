"""Policy of the next edit: where the latest one leads. `candidates.py` is the door."""
