"""Policy of privacy: what a secret looks like, and what stands for it in what is sent."""
