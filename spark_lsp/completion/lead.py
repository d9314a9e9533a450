"""What an answer begins with where a model could not know it: the indentation of an empty line in a block.

A model that goes on from a line end does not see what follows. At the margin it takes the function for
finished, and begins with another one, or with prose; what stands below says that it goes on.
"""

from __future__ import annotations

import re

from spark_lsp.completion.brackets import PROSE
from spark_lsp.completion.context import Context, opens_block, width_of
from spark_lsp.completion.scope import continues

_ONLY_A_DOCSTRING = re.compile(
    r"""^[ \t]*(?:async[ ]+)?def\b.*?:[ \t]*\n\s*[rR]?(\"{3}|'{3})(?:(?!\1).)*\1\s*\Z""",
    re.MULTILINE | re.DOTALL,
)

_LEAVES = re.compile(r"\s*(?:return|raise|break|continue)\b")


def lead(context: Context) -> str:
    """The indentation that belongs on the cursor's line, "" where it has some, or where nothing tells it."""
    if context.line_before or context.line_after.strip() or context.language in PROSE:
        return ""
    above = next((line for line in reversed(context.before.split("\n")) if line.strip()), "")
    below = next((line for line in context.after.split("\n") if line.strip()), "")
    inner, outer = _indentation(above), _indentation(below)
    if not outer:  # the end of the block, unless it has none yet
        return inner if _has_no_body(context) else ""
    deeper = width_of(below) > width_of(above)
    if opens_block(above):
        return outer if deeper and above.rstrip()[-1] in "([" else inner + context.indent
    if deeper or continues(below):
        return inner
    # Nothing is reached behind a `return`: what is missing is the head of another block.
    return outer.removesuffix(context.indent) if outer == inner and _LEAVES.match(above) else outer


def _has_no_body(context: Context) -> bool:
    """Whether the cursor stands below the docstring of a function that has nothing else."""
    if context.language != "python" or not context.before.rstrip().endswith(('"""', "'''")):
        return False
    head = max(context.before.rfind("def "), 0)
    return bool(_ONLY_A_DOCSTRING.search(context.before, context.before.rfind("\n", 0, head) + 1))


def _indentation(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]
