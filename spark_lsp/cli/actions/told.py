"""A checker for faults that only a test tells: `python -m ... TESTS FILE TEXT`.

FILE is what the text in the file TEXT is called. TESTS is a JSON file with
`{NAME: {"line": 1-based, "says": ..., "test": ...}}`. Prints `FILE:LINE:1: SAYS` when the test of that
file's name fails, and nothing else.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from spark_lsp.cli.sandbox import failure


def main(tests: str, file: str, text: str) -> int:
    name = Path(file).name
    told = json.loads(Path(tests).read_text("utf-8")).get(name)
    if told and failure(name, Path(text).read_bytes().decode("utf-8"), told["test"]):
        print(f"{file}:{told['line']}:1: {told['says']}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
