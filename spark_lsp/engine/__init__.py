"""Where policy meets I/O: flights, the race between backends, the learner, metrics."""
