"""spark-lsp: instant inline completions and code actions for any editor."""

__version__ = "0.1.0"
