"""Policy of code actions: what is offered, what is asked, what an answer changes, whether it is right."""
