"""The package runs as a program: `python -m spark_lsp`."""

from spark_lsp.cli.main import main

if __name__ == "__main__":
    main()
