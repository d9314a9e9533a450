"""The commands. stdout is data, stderr is for people; exit status 0 done, 1 a problem found, 2 bad usage."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from spark_lsp.errors import MissingExtra, SparkError, UsageError


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

        config, log_file = options.get("--config"), options.get("--log-file")
        return serve(
            config=None if config is None else Path(config),
            log_file=None if log_file is None else Path(log_file),
            log_level=options.get("--log-level"),
        )
    from spark_lsp.cli.commands import app

    app(arguments, prog_name="spark-lsp")
    return 0


def _plain_server_options(arguments: Sequence[str]) -> dict[str, str] | None:
    """The options of `spark-lsp [--stdio] [--config FILE] [--log-file FILE] [--log-level LEVEL]`, else None.

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
        if word not in ("--config", "--log-file", "--log-level") or not rest:
            return None
        options[word] = rest.pop(0)
    return options
