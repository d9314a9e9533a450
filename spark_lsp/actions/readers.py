"""What checkers print, as findings: one reader for each format. They raise CheckerError for anything else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from spark_lsp.errors import CheckerError
from spark_lsp.text import Encoding
from spark_lsp.values import Severity


class Finding(NamedTuple):
    """What was said of a range of a file, as its checker counts: columns 0-based, in units of `encoding`.

    `end_line` is None where the checker tells no end, `encoding` where its columns cannot be relied on.
    """

    path: str
    line: int
    column: int
    message: str
    code: str = ""
    severity: Severity = "error"
    end_line: int | None = None
    end_column: int = 0
    encoding: Encoding | None = "utf-32"


Reader = Callable[[str, str], Iterator[Finding]]
"""Takes what came on stdout and on stderr."""

SEVERITIES: Mapping[str, Severity] = {
    "fatal": "error",
    "fatal error": "error",
    "error": "error",
    "warning": "warning",
    "warn": "warning",
    "note": "information",
    "info": "information",
    "information": "information",
    "help": "hint",
    "hint": "hint",
    "none": "hint",
}


def ruff(output: str, errors: str) -> Iterator[Finding]:
    for item in _objects(_json(output)):
        start, end = _table(item, "location"), _table(item, "end_location")
        yield Finding(
            _text(item, "filename"),
            _number(start, "row") - 1,
            _number(start, "column") - 1,
            _text(item, "message"),
            _text(item, "code"),
            SEVERITIES.get(_text(item, "severity"), "error"),
            _number(end, "row") - 1,
            _number(end, "column") - 1,
        )


def pyright(output: str, errors: str) -> Iterator[Finding]:
    for item in _objects(_object(output).get("generalDiagnostics")):
        span = _table(item, "range")
        start, end = _table(span, "start"), _table(span, "end")
        yield Finding(
            _text(item, "file"),
            _number(start, "line"),
            _number(start, "character"),
            _text(item, "message").replace("\xa0", " "),
            _text(item, "rule"),
            SEVERITIES.get(_text(item, "severity"), "error"),
            _number(end, "line"),
            _number(end, "character"),
            "utf-16",
        )


def mypy(output: str, errors: str) -> Iterator[Finding]:
    """`--output json`, a line each; older ones do not know it and print lines. What one line says of the next
    ("note: ...") is no finding of its own."""
    for line in output.splitlines():
        if not line.startswith("{"):
            yield from lines(line, "", encoding=None)
            continue
        item = _object(line)
        if item.get("severity") == "note":
            continue
        yield Finding(
            _text(item, "file"),
            _number(item, "line") - 1,
            max(_number(item, "column"), 0),
            _text(item, "message"),
            _text(item, "code"),
            SEVERITIES.get(_text(item, "severity"), "error"),
            _number(item, "end_line") - 1 if item.get("end_line") else None,
            _number(item, "end_column") if item.get("end_column") else 0,
            # 2.4 counts neither bytes nor characters: of a string of n characters in m bytes, 2n - m.
            None,
        )


def eslint(output: str, errors: str) -> Iterator[Finding]:
    for file in _objects(_json(output)):
        for item in _objects(file.get("messages")):
            line, column = _number(item, "line", 1), _number(item, "column", 1)
            yield Finding(
                _text(file, "filePath"),
                line - 1,
                column - 1,
                _text(item, "message"),
                _text(item, "ruleId"),
                "error" if item.get("severity") == 2 else "warning",
                _number(item, "endLine") - 1 if item.get("endLine") else None,
                _number(item, "endColumn", 1) - 1,
                "utf-16",
            )


_TSC = re.compile(
    r"(?P<file>.+?)\((?P<line>\d+),(?P<column>\d+)\): (?P<severity>\w+) TS(?P<code>\d+): (?P<message>.*)"
)


_TSCONFIG = re.compile(r"(?:\A|[/\\])[tj]sconfig[^/\\]*\.json\Z")


def tsc(output: str, errors: str) -> Iterator[Finding]:
    """`--pretty false`: a line each; lines that are indented go on with the message. What it says of its
    settings is a CheckerError: it has looked at nothing then."""
    found: Finding | None = None
    for line in output.splitlines():
        match = _TSC.fullmatch(line)
        if match is None:
            if line.startswith("error TS"):
                raise CheckerError(line)
            if found is not None and line.startswith(" "):
                found = found._replace(message=f"{found.message}\n{line}")
            continue
        if _TSCONFIG.search(match["file"]):
            raise CheckerError(line)
        if found is not None:
            yield found
        found = Finding(
            match["file"],
            int(match["line"]) - 1,
            int(match["column"]) - 1,
            match["message"],
            match["code"],
            SEVERITIES.get(match["severity"], "error"),
            encoding="utf-16",
        )
    if found is not None:
        yield found


def go_vet(output: str, errors: str) -> Iterator[Finding]:
    """`-json`: an object for each package, between lines that begin with #, on either stream. What the
    compiler says comes as lines."""
    decoder = json.JSONDecoder()
    for stream in (output, errors):
        text = re.sub(r"(?m)^#.*$", "", stream)
        at = 0
        while at < len(text):
            if text.startswith("{", at):
                try:
                    packages, at = decoder.raw_decode(text, at)
                except ValueError as error:
                    raise CheckerError(f"this is no JSON: {text[at : at + 60]!r}") from error
                yield from _vetted(packages)
                continue
            line, _, _ = text[at:].partition("\n")
            at += len(line) + 1
            yield from lines(line.removeprefix("vet: "), "", encoding="utf-8")


def _vetted(packages: Mapping[str, Any]) -> Iterator[Finding]:
    for analyzers in packages.values():
        for name, found in analyzers.items() if isinstance(analyzers, Mapping) else ():
            for item in _objects(found) if isinstance(found, list) else ():
                file, line, column = [*_text(item, "posn").rsplit(":", 2), "", ""][:3]
                if line.isdecimal() and column.isdecimal():
                    yield Finding(
                        file,
                        int(line) - 1,
                        int(column) - 1,
                        _text(item, "message"),
                        name,
                        "warning",
                        encoding="utf-8",
                    )


def cargo(output: str, errors: str) -> Iterator[Finding]:
    for line in output.splitlines():
        if not line.startswith("{"):
            continue
        item = _object(line)
        if item.get("reason") != "compiler-message":
            continue
        message = _table(item, "message")
        for span in _objects(message.get("spans")):
            if span.get("is_primary"):
                code = message.get("code")
                yield Finding(
                    _text(span, "file_name"),
                    _number(span, "line_start") - 1,
                    _number(span, "column_start") - 1,
                    _text(message, "message"),
                    _text(code, "code") if isinstance(code, Mapping) else "",
                    SEVERITIES.get(_text(message, "level"), "error"),
                    _number(span, "line_end") - 1,
                    _number(span, "column_end") - 1,
                )
                break


# A drive's colon (C:\x.py) belongs to the file, and so may any other: a line is known by its number.
_LINE = re.compile(
    r"(?P<file>(?:[A-Za-z]:)?[^\n]+?):(?P<line>\d+)(?:[:,](?P<column>\d+))?(?:[-:][\d:]+)?:?\s+"
    r"(?:(?P<severity>fatal error|error|warning|warn|note|info|information|hint|help)"
    r"(?:\[(?P<first>[^\]\s]+)\])?:\s+)?"
    r"(?:(?-i:(?P<lead>[A-Z]{1,6}\d{2,5})):?\s+)?"
    r"(?P<message>.+?)(?:\s+\[(?P<code>[^\]\s]+)\])?",
    re.IGNORECASE,
)


def lines(output: str, errors: str, *, encoding: Encoding | None = "utf-32") -> Iterator[Finding]:
    """`file:line:column: message`, as compilers print it; a column, a severity, a code in
    front of the message or in [] behind it, where there are some. Other lines are talk."""
    for line in f"{output}\n{errors}".splitlines():
        match = _LINE.fullmatch(line.rstrip())
        if match is None:
            continue
        severity = (match["severity"] or "error").lower()
        if severity == "note":  # it goes on with what stands above it
            continue
        yield Finding(
            match["file"],
            max(int(match["line"]) - 1, 0),
            max(int(match["column"] or 1) - 1, 0),
            match["message"],
            match["first"] or match["lead"] or match["code"] or "",
            SEVERITIES[severity],
            encoding=encoding,
        )


def clang(output: str, errors: str) -> Iterator[Finding]:
    """Lines whose columns are bytes."""
    return lines(output, errors, encoding="utf-8")


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CheckerError(
            f"this is no JSON: {text[:60]!r}" if text.strip() else "it said nothing"
        ) from error


def _object(text: str) -> Mapping[str, Any]:
    value = _json(text)
    if not isinstance(value, Mapping):
        raise CheckerError("its JSON is not of the form that is known")
    return value


def _objects(value: object) -> Iterable[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise CheckerError("its JSON is not of the form that is known")
    return value


def _table(item: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = item.get(key)
    if not isinstance(value, Mapping):
        raise CheckerError(f"its JSON has no {key}")
    return value


def _text(item: Mapping[str, Any], key: str) -> str:
    """ "" where it is null, as the rule of a syntax error is."""
    value = item.get(key)
    if value is not None and not isinstance(value, str):
        raise CheckerError(f"its JSON has no text as {key}")
    return value or ""


def _number(item: Mapping[str, Any], key: str, default: int | None = None) -> int:
    value = item.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise CheckerError(f"its JSON has no number as {key}")
    return value
