"""How a text becomes a comment, by language."""

from __future__ import annotations

from collections.abc import Mapping

_SLASHES = """
    c cpp cuda-cpp csharp dart fsharp go groovy java javascript javascriptreact jsonc json kotlin less
    objective-c objective-cpp php proto3 rust sass scala scss solidity swift typescript typescriptreact
    verilog zig
"""
_MARKS: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(_SLASHES.split(), ("// ", "")),
    **dict.fromkeys(("ada", "elm", "haskell", "lua", "sql", "vhdl"), ("-- ", "")),
    **dict.fromkeys(("clojure", "lisp", "scheme", "asm", "ini"), ("; ", "")),
    **dict.fromkeys(("bibtex", "erlang", "latex", "matlab", "prolog", "tex"), ("% ", "")),
    **dict.fromkeys(("html", "markdown", "svelte", "vue", "xml", "xsl"), ("<!-- ", " -->")),
    "css": ("/* ", " */"),
    "ocaml": ("(* ", " *)"),
    "vim": ('" ', ""),
    "vb": ("' ", ""),
    "bat": ("REM ", ""),
}
_OTHERS = ("# ", "")


def commented(text: str, language: str) -> str:
    """Each line as a comment of its own. What would end a comment early is broken by a blank."""
    begin, end = _MARKS.get(language, _OTHERS)
    if end:
        text = text.replace(end.strip(), f"{end.strip()[0]} {end.strip()[1:]}")
    return "\n".join(f"{begin}{line}{end}".rstrip() for line in text.split("\n"))
