"""`spark-lsp` itself: the language server over stdio, TCP or WebSocket."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
from pathlib import Path

from spark_lsp.cli.files import check_settings_file
from spark_lsp.errors import UsageError

LEVELS = ("debug", "info", "warning", "error")

RECORD = "SPARK_LSP_RECORD"
"""The variable that means --record, for clients whose command cannot be changed."""


def serve(
    *,
    tcp: str | None = None,
    ws: str | None = None,
    config: Path | None = None,
    log_file: Path | None = None,
    log_level: str | None = None,
    record: Path | None = None,
) -> int:
    """Serve until the client leaves, or for ever over TCP and WebSocket. Returns the exit status.

    Raises UsageError, or MissingExtra for `ws`.
    """
    start_logging(log_file, log_level or "warning")
    check_settings_file(config)
    if record is None and RECORD in os.environ:
        record = Path(os.environ[RECORD])
    if record is not None and (tcp is not None or ws is not None):
        raise UsageError(f"one session is recorded: --record and ${RECORD} go with --stdio")
    # Everything imported lives as long as the process: collecting while it comes in is wasted, and
    # not looking at it again makes each later collection, and so the slowest keystrokes, shorter.
    gc.disable()
    from spark_lsp.lsp.server import make_session
    from spark_lsp.lsp.transport import MakeSession, serve_stdio, serve_tcp, serve_ws

    gc.freeze()
    gc.enable()
    sessions: MakeSession = make_session(config)
    if tcp is not None:
        host, port = address("--tcp", tcp)
        asyncio.run(serve_tcp(sessions, host, port, lambda where: _announce(f"tcp://{where}")))
        return 0
    if ws is not None:
        host, port = address("--ws", ws)
        asyncio.run(serve_ws(sessions, host, port, lambda where: _announce(f"ws://{where}")))
        return 0
    if record is not None:
        from spark_lsp.lsp.recording import Recording, recorded

        sessions = recorded(sessions, Recording.at(record))
        print(f"spark-lsp: recording in {record}, with the texts of all documents", file=sys.stderr)
    return asyncio.run(serve_stdio(sessions, sys.stdin.buffer, sys.stdout.buffer))


def address(option: str, value: str) -> tuple[str, int]:
    """`HOST:PORT`, or `PORT` alone for loopback. Raises UsageError."""
    host, _, port = value.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise UsageError(f"{option} takes HOST:PORT or PORT, such as 127.0.0.1:8080, not {value!r}")
    return host.strip("[]") or "127.0.0.1", int(port)


def start_logging(log_file: Path | None, level: str) -> None:
    """Log to the file, or warnings and worse to stderr. Raises UsageError."""
    if level.lower() not in LEVELS:
        raise UsageError(f"--log-level takes one of {', '.join(LEVELS)}, not {level!r}")
    try:
        handler = (
            logging.StreamHandler() if log_file is None else logging.FileHandler(log_file, encoding="utf-8")
        )
    except OSError as error:
        raise UsageError(f"the log file {log_file} cannot be written: {error.strerror}") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    # Only our own words: pygls logs every message whole, and with it the user's code.
    logging.getLogger("spark_lsp").setLevel(level.upper())
    logging.getLogger("pygls").setLevel(logging.CRITICAL)


def _announce(where: str) -> None:
    print(f"listening on {where}", file=sys.stderr, flush=True)
