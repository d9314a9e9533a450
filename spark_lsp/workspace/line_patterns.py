"""How a line looks that defines or imports something, by the file's ending.

In a definition's pattern one group has the name. In an import's, `names` has what is taken from the module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from os.path import splitext

_PYTHON = re.compile(
    r"""
    [ \t]* (?:async[ \t]+)? (?:def|class) [ \t]+ (\w+)
    | ([A-Za-z_]\w*) [ \t]* (?: : [^=]+ )? = (?!=)
    | type [ \t]+ (\w+)
    """,
    re.VERBOSE,
)
_SCRIPT = re.compile(
    r"""
    [ \t]* (?:(?:export|default|declare)[ \t]+)* (?:
        (?:(?:abstract|async)[ \t]+)* (?:function\*?|class|interface|type|enum|namespace) [ \t]+
          ([A-Za-z_$][\w$]*)
        | (?:const|let|var) [ \t]+ ([A-Za-z_$][\w$]*) [^=\n]* = [ \t]* (?:async[ \t]*)?
          (?: function\b | \( | \w+[ \t]*=> | [\[{] | new\b )
        | (?:(?:public|private|protected|static|async|readonly|override|get|set)[ \t]+)*
          (?! (?:if|for|while|switch|catch|return|function|constructor|super|await)\b )
          ([A-Za-z_$#][\w$]*) [ \t]* (?:<[^>]*>)? \( [^;]* \)? [^;=]* \{ [ \t]* $
    )
    """,
    re.VERBOSE,
)
_GO = re.compile(r"func[ \t]+(?:\([^)]*\)[ \t]*)?(\w+)|(?:type|var|const)[ \t]+(\w+)")
_RUST = re.compile(
    r"""
    [ \t]* (?: pub (?:\([^)]*\))? [ \t]+ )?
    (?: (?: default | const | async | unsafe | extern (?:[ \t]+"[^"]*")? ) [ \t]+ )*
    (?: (?:fn|struct|enum|trait|type|mod|union) [ \t]+ (\w+)
      | (?:static|const) [ \t]+ (?:mut[ \t]+)? (\w+) [ \t]* :
      | macro_rules! [ \t]* (\w+) )
    """,
    re.VERBOSE,
)
_C_LIKE = re.compile(
    r"""
    [ \t]* (?! (?:if|for|while|switch|catch|return|else|do|with|new|throw|await|case|delete|goto)\b ) (?:
        (?:[\w$@]+[ \t]+)* (?:class|interface|enum|struct|union|record|trait|namespace|typedef|object) [ \t]+
          (?:class[ \t]+)? ([A-Za-z_$][\w$]*)
        | \# [ \t]* define [ \t]+ (\w+)
        | (?:[\w$<>\[\],.?&*:~@]+[ \t]+)+ [&*~]* (?:\w+::)* ([A-Za-z_$~][\w$]*) [ \t]*
          \( [^;]* (?: [{,(] | \)[^;]* ) $
    )
    """,
    re.VERBOSE,
)
_ANY = re.compile(
    r"""
    [ \t]* (?:[\w$]+[ \t]+)*?
    (?: def|class|function|func|fn|fun|interface|trait|struct|enum|type|module|namespace|object|record|sub
      | proc|macro )
    [ \t]+ (?:self\.)? ([A-Za-z_][\w?!]*)
    """,
    re.VERBOSE,
)
"""Of languages that have no pattern of their own: Ruby, PHP, Swift, Scala, Lua and their like."""

_BY_ENDING: Mapping[str, re.Pattern[str]] = {
    **dict.fromkeys((".py", ".pyi"), _PYTHON),
    **dict.fromkeys((".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".vue", ".svelte"), _SCRIPT),
    ".go": _GO,
    ".rs": _RUST,
    **dict.fromkeys(
        (".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".hh", ".m", ".mm", ".java", ".cs", ".kt"), _C_LIKE
    ),
}

IMPORT = re.compile(
    r"""
    [ \t]* from [ \t]+ ([.\w]+) [ \t]+ import \b (?P<names>.*)    # Python
    # Python and Java
    | [ \t]* import [ \t]+ (?:static[ \t]+)? ([\w.]+) [ \t]* ;? [ \t]* (?: \# | // | as\b | , | $ )
    | [ \t]* (?:import|export) \b (?P<taken>[^"'\n]*) ["'] ([^"'\n]+) ["']  # JavaScript
    | [ \t]* \} [ \t]* from [ \t]* ["'] ([^"'\n]+) ["']
    | [ \t]* (?:const|let|var) \b (?P<bound>[^=\n]*) = [ \t]* require \( ["'] ([^"'\n]+) ["'] \)
    | [ \t]* (?:pub[ \t]+)? (?:use|mod) [ \t]+ ([\w:]+) (?P<used>[^;\n]*)  # Rust
    | [ \t]* \# [ \t]* include [ \t]* ["<] ([^">\n]+) [">]
    | [ \t]+ (?:\w+[ \t]+)? "([\w./-]+)" [ \t]* $  # within Go's brackets
    """,
    re.VERBOSE,
)

IMPORTS_BEGIN = (
    *("from", "import", "export", "}", "const", "let", "var", "use ", "mod ", "pub ", "#", '"'),
    *("\t", " "),
)
"""How such a line begins: the pattern is not tried on the others. Go's stand within brackets."""


def definition_pattern(path: str) -> re.Pattern[str]:
    """What a line that defines something matches in this file."""
    return _BY_ENDING.get(splitext(path)[1].lower(), _ANY)
