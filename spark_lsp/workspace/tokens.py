"""Text as a sequence of tokens, and tokens as characters of a private alphabet.

`split` cuts any language's text with one regular expression and loses nothing.
A `Vocabulary` then gives each token a code point, so that a line of code is a
short string: comparing, searching and slicing contexts are string operations,
and two to four bytes hold a token.

A line begins with a token for its indentation *relative to the line above*, so
that the same block matches at any depth. Blank lines are one token. A token
that follows a single space is the odd twin of the one that does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from threading import Lock

WORD = re.compile(r"[^\W\d]\w*\Z")
PARTIAL = re.compile(r" ?\w*\Z")  # what may still grow at the cursor: a space, a word, or both

_OPERATORS = (
    r"\.\.\.|<<=|>>=|\*\*=|//=|===|!==|&&=|\|\|=|->|=>|::|:=|==|!=|<=|>=|&&|\|\||<<|>>|\*\*|//|/\*|\*/"
    r'|\+=|-=|\*=|/=|%=|&=|\|=|\^=|\+\+|--|</|/>|<-|\?\.|\?\?|"""|\'\'\'|```'
)
_PIECE = re.compile(rf" ?(?:[^\W\d]\w*|\d\w*(?:\.\d\w*)?|{_OPERATORS}|[^\w\s])|\s")
_TOKEN = re.compile(rf"(?:\r\n|\n|\r)[ \t]*|{_PIECE.pattern}")

BLANK = 0  # the code of a blank line
STARTS = 256  # codes below are line starts
UNKNOWN = 255  # a token that the alphabet had no room for; matches nothing useful and ends a prediction
_CODE_LIMIT = 0x10FFFF
_LINES_REMEMBERED = 4096

KEYWORDS = frozenset(
    re.findall(
        r"\w+",
        """
    abstract and any as assert async await bool boolean break byte case catch char class const constructor
    continue crate debugger def default defer del delete do double dyn elif else end enum except export
    extends extern fallthrough false False final finally float fn for from func function get global go goto
    if impl implements import in init int interface internal is lambda len let loop map match mod module
    move mut namespace new nil None nonlocal not null number object operator or override package pass print
    private protected pub public raise range readonly record ref return Self self set sizeof static str
    string struct super switch template this throw throws trait true True try type typedef typeof union
    unsafe use using val var virtual void when where while with yield
        """,
    )
)
"""Words of any language that are no names: they keep their own shape."""


def split(text: str) -> list[str]:
    """Cut text into tokens; joined they are the text again."""
    return _TOKEN.findall(text)


def indentation(line: str) -> str:
    """The blanks that a line begins with."""
    return line[: len(line) - len(line.lstrip(" \t"))]


class Vocabulary:
    """The alphabet: a code point for every token seen.

    Several threads may encode at once. It only grows, up to about `max_bytes`;
    from then on what is new is UNKNOWN.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._codes: dict[str, int] = {}
        self._bases: list[str] = [""] * (STARTS // 2)
        self._starts: list[str] = ["\n"]
        self._start_codes: dict[str, int] = {"\n": BLANK}
        self._shapes: list[int] = [UNKNOWN] * (STARTS // 2)
        self._shapes_of: dict[str, str] = {}
        self._lock = Lock()
        self._text_bytes = 0

    def __len__(self) -> int:
        return len(self._codes)

    @property
    def size_bytes(self) -> int:
        """An estimate: string headers, dict slots, list slots."""
        return self._text_bytes + 190 * len(self._codes)

    def text(self, code: int) -> str:
        """The token's text; a line start's is its description, which begins with a line end."""
        if code < STARTS:
            return self._starts[code] if code < len(self._starts) else ""
        base = self._bases[code >> 1]
        return " " + base if code & 1 else base

    def shape(self, code: int) -> int:
        """The token's class: words that are not keywords are all alike, and so are numbers."""
        return code if code < STARTS else self._shapes[code >> 1]

    def shapes(self, codes: str) -> str:
        """The shapes of a line's tokens. Lines are asked for again and again: they are remembered."""
        shapes = self._shapes_of.get(codes)
        if shapes is None:
            if len(self._shapes_of) >= _LINES_REMEMBERED:
                self._shapes_of.clear()
            shapes = self._shapes_of[codes] = "".join([chr(self.shape(ord(code))) for code in codes])
        return shapes

    def is_word(self, code: int) -> bool:
        """Whether the token is a name that another name could stand for."""
        return code >= STARTS and self._shapes[code >> 1] == _WORD_SHAPE

    def find(self, text: str) -> int:
        """The code of a token, UNKNOWN when it was never seen."""
        code = self._codes.get(text)
        if code is not None:
            return code
        if text[0] == " " and len(text) > 1:
            code = self._codes.get(text[1:])
            return UNKNOWN if code is None else code | 1
        return UNKNOWN

    def body(self, line: str, *, learn: bool = True) -> str:
        """The tokens of a line without its indentation and line end, as codes."""
        codes = self._codes
        pieces = _PIECE.findall(line)
        try:
            return "".join([chr(codes[piece]) for piece in pieces])
        except KeyError:
            code = self._intern if learn else self.find
            return "".join([chr(code(piece)) for piece in pieces])

    def start(self, above: str, indent: str) -> str:
        """The line-start token of a line indented by `indent` below a line indented by `above`."""
        if indent == above:
            key = "\n="
        elif indent.startswith(above):
            key = "\n+" + indent[len(above) :]
        elif above.startswith(indent):
            key = f"\n-{len(above) - len(indent)}"
        else:
            key = "\n@" + indent
        code = self._start_codes.get(key)
        if code is None:
            code = self._intern_start(key)
        return chr(code)

    def indent(self, code: int, above: str) -> str:
        """The indentation that a line-start token stands for below a line indented by `above`."""
        text = self._starts[code] if code < len(self._starts) else "\n="
        kind, rest = text[1:2], text[2:]
        if kind == "+":
            return above + rest
        if kind == "-":
            return above[: max(len(above) - int(rest), 0)]
        return rest if kind == "@" else above

    def lines(self, lines: Iterable[str], above: str = "") -> list[str]:
        """Encode lines (with or without their line ends), the first one below a line indented by `above`."""
        encoded = []
        for line in lines:
            stripped = line.strip()
            if not stripped:
                encoded.append(chr(BLANK))
                continue
            indent = indentation(line)
            encoded.append(self.start(above, indent) + self.body(stripped))
            above = indent
        return encoded

    def decode(self, codes: str, above: str = "") -> str:
        """The text of codes; lines joined by \\n, the first indented against `above`."""
        parts = []
        for char in codes:
            code = ord(char)
            if code == BLANK:
                parts.append("\n")
            elif code < STARTS:
                above = self.indent(code, above)
                parts.append("\n" + above)
            else:
                parts.append(self.text(code))
        return "".join(parts)

    def _intern(self, piece: str) -> int:
        code = self._codes.get(piece)
        if code is not None:
            return code
        with self._lock:
            base = piece[1:] if piece[0] == " " and len(piece) > 1 else piece
            code = self._codes.get(base)
            if code is None:
                code = 2 * len(self._bases)
                if code >= _CODE_LIMIT or self.size_bytes > self._max_bytes:
                    return UNKNOWN
                self._bases.append(base)
                self._shapes.append(_shape(base, code))
                self._codes[base] = code
                self._text_bytes += len(base)
            if base is not piece:
                code += 1
                self._codes[piece] = code
                self._text_bytes += len(piece)
            return code

    def _intern_start(self, key: str) -> int:
        with self._lock:
            code = self._start_codes.get(key, len(self._starts))
            if code >= UNKNOWN:
                return self._start_codes.get("\n=", 1)
            if code == len(self._starts):
                self._starts.append(key)
                self._start_codes[key] = code
            return code


_WORD_SHAPE = 1
_NUMBER_SHAPE = 2


def _shape(base: str, code: int) -> int:
    if base[0].isdigit():
        return _NUMBER_SHAPE
    if WORD.match(base) and base not in KEYWORDS:
        return _WORD_SHAPE
    return code
