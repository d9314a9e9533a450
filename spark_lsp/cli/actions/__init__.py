"""What `bench actions` measures: how fast code actions are, and how right."""
