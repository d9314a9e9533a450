"""Where no suggestion is wanted at all: the first thing asked about a keystroke."""

from __future__ import annotations

import re
from collections.abc import Mapping

from spark_lsp.config.secrets import looks_secret
from spark_lsp.text import Snapshot


def refusal(
    snapshot: Snapshot,
    *,
    path: str,
    languages: Mapping[str, bool],
    max_lines: int = 500_000,
    max_line_length: int = 10_000,
) -> str | None:
    """Why no suggestion is wanted at this cursor, as a sentence for the log; None to go on.

    `path` is the document's path in either notation, empty for an untitled one. Looks at the
    cursor's line only: the cost does not depend on the size of the file.
    """
    if not languages.get(snapshot.language, True):
        return f"suggestions are switched off for {snapshot.language}"
    name = re.split(r"[/\\]", path)[-1]
    if looks_secret(name):
        return f"{name} looks like a file of secrets"
    if snapshot.lines.count > max_lines:
        return f"the file has more than {max_lines} lines"
    if len(snapshot.lines[snapshot.line]) > max_line_length:
        return f"the line is longer than {max_line_length} characters"
    return None
