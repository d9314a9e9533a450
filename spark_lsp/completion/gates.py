"""Where no suggestion is wanted at all: the first thing asked about a keystroke."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from spark_lsp.text import Snapshot

_SECRET_FILE = re.compile(
    r"""
      \.env(?:rc)? | \.env\.(?!example$|sample$|template$|dist$).+
    | .+\.(?:pem|key|p8|p12|pfx|jks|keystore|kdbx|gpg|asc|ovpn|tfvars|tfstate)
    | id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?
    | [._]netrc | \.pgpass | \.htpasswd | \.npmrc | \.pypirc | \.git-credentials | \.my\.cnf
    | \.?credentials(?:\.(?:json|ya?ml|toml|ini))? | \.?secrets?\.(?:json|ya?ml|toml|ini|env)
    | kubeconfig | \.vault[-_]pass(?:word)?
    """,
    re.VERBOSE | re.IGNORECASE,
)


def refusal(
    snapshot: Snapshot,
    *,
    path: str,
    languages: Mapping[str, bool],
    selection_empty: bool = True,
    max_lines: int = 500_000,
    max_line_length: int = 10_000,
) -> str | None:
    """Why no suggestion is wanted at this cursor, as a sentence for the log; None to go on.

    `path` is the document's path in either notation, empty for an untitled one. Looks at the
    cursor's line only: the cost does not depend on the size of the file.
    """
    if not selection_empty:
        return "text is selected"
    if not languages.get(snapshot.language, True):
        return f"suggestions are switched off for {snapshot.language}"
    if is_secret(path):
        return f"{PurePosixPath(path.replace(chr(92), '/')).name} looks like a file of secrets"
    if snapshot.lines.count > max_lines:
        return f"the file has more than {max_lines} lines"
    if len(snapshot.lines[snapshot.line]) > max_line_length:
        return f"the line is longer than {max_line_length} characters"
    return None


def is_secret(path: str) -> bool:
    """Whether a file of this name usually holds keys or passwords."""
    name = re.split(r"[/\\]", path)[-1]
    return _SECRET_FILE.fullmatch(name) is not None
