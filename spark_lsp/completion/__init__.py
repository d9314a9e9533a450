"""The policy of inline completion: what to ask, what to keep of the answer, and how to fit it. No I/O."""
