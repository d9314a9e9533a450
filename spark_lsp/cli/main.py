"""The commands. stdout is data, stderr is for people; exit status 0 done, 1 a problem found, 2 bad usage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from spark_lsp.errors import MissingExtra, SparkError, UsageError

FILES = ("--config", "--log-file", "--record")
"""Options of the server that take a file's name."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its status."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        sys.exit(_run(arguments))
    except (UsageError, MissingExtra) as error:
        print(f"spark-lsp: {error}", file=sys.stderr)
        sys.exit(2)
    except SparkError as error:
        print(f"spark-lsp: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


def _run(arguments: Sequence[str]) -> int:
    options = _plain_server_options(arguments)
    if options is not None:
        from spark_lsp.cli.serve import serve

        files = {name: Path(options[name]) for name in FILES if name in options}
        return serve(
            config=files.get("--config"),
            log_file=files.get("--log-file"),
            log_level=options.get("--log-level"),
            record=files.get("--record"),
        )
    from spark_lsp.cli.commands import app

    app(arguments, prog_name="spark-lsp")
    return 0


def _plain_server_options(arguments: Sequence[str]) -> dict[str, str] | None:
    """The options of `spark-lsp [--stdio]` and of no other command, else None.

    This is how editors start the server, and it need not wait for the commands' parser to be imported.
    """
    rest = list(arguments)
    if not rest and sys.stdin.isatty():
        return None
    options: dict[str, str] = {}
    while rest:
        word = rest.pop(0)
        if word == "--stdio":
            continue
        if word not in (*FILES, "--log-level") or not rest:
            return None
        options[word] = rest.pop(0)
    return options
