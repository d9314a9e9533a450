"""The wire: one file per protocol, each turning a prompt into a stream of deltas."""
