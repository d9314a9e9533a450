"""SARIF 2.1.0 (OASIS): the results of any tool in, ours out with the edits that fix them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from spark_lsp.actions.readers import SEVERITIES, Finding
from spark_lsp.errors import CheckerError
from spark_lsp.text import Encoding
from spark_lsp.values import Diagnostic, Edit, Severity

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
END_OF_LINE = 1 << 30
LEVELS: Mapping[Severity, str] = {
    "error": "error",
    "warning": "warning",
    "information": "note",
    "hint": "note",
}


@dataclass(frozen=True, slots=True)
class Result:
    """One line of our own log: what was said of a file, the edits that fix it ((), where none was found), and
    what became of it, for people."""

    path: str
    diagnostic: Diagnostic
    edits: tuple[Edit, ...] = ()
    state: str = ""


def findings(output: str, errors: str = "") -> Iterator[Finding]:
    """A whole log as a reader of checkers' output has it. Raises CheckerError."""
    for _, item in sourced(output):
        yield item


def sourced(document: str) -> Iterator[tuple[str, Finding]]:
    """Each result with the name of the tool that said it. What is suppressed, passed or gone is none.

    Raises CheckerError when this is no SARIF.
    """
    try:
        log = json.loads(document)
        version = log["version"]
        if not isinstance(version, str) or not version.startswith("2.1"):
            raise CheckerError(f"this is SARIF {version}: only {VERSION} is known")
        for run in log["runs"]:
            tool = str(run["tool"]["driver"]["name"])
            for result in run.get("results") or ():
                found = _result(run, result)
                if found is not None:
                    yield tool, found
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError) as error:
        raise CheckerError("this is no SARIF log") from error


def _result(run: Mapping[str, Any], result: Mapping[str, Any]) -> Finding | None:
    is_suppressed = any(
        item.get("status", "accepted") == "accepted" for item in result.get("suppressions") or ()
    )
    if is_suppressed or result.get("kind", "fail") != "fail" or result.get("baselineState") == "absent":
        return None
    if not result.get("locations"):
        return None
    place = result["locations"][0].get("physicalLocation")
    if not place or "artifactLocation" not in place:
        return None
    rule = _rule(run, result)
    region = place.get("region") or {}
    line = int(region.get("startLine", 1))
    end_line = int(region.get("endLine", line))
    encoding: Encoding = "utf-32" if run.get("columnKind") == "unicodeCodePoints" else "utf-16"
    level = result.get("level") or (rule.get("defaultConfiguration") or {}).get("level", "warning")
    return Finding(
        _path(run, place["artifactLocation"]),
        line - 1,
        int(region.get("startColumn", 1)) - 1,
        _message(result["message"], rule),
        str(result.get("ruleId") or rule.get("id") or ""),
        SEVERITIES.get(str(level), "warning"),
        end_line - 1,
        int(region["endColumn"]) - 1 if "endColumn" in region else END_OF_LINE,
        encoding,
    )


def _rule(run: Mapping[str, Any], result: Mapping[str, Any]) -> Mapping[str, Any]:
    rules: list[dict[str, Any]] = run["tool"]["driver"].get("rules") or []
    pointer: dict[str, Any] = result.get("rule") or {}
    index = int(result.get("ruleIndex", pointer.get("index", -1)))
    if 0 <= index < len(rules):
        return rules[index]
    name = result.get("ruleId") or pointer.get("id")
    named: dict[str, Any] = next((rule for rule in rules if rule.get("id") == name), {"id": name})
    return named


def _message(message: Mapping[str, Any], rule: Mapping[str, Any]) -> str:
    """A text, or the name of one of its rule's with numbered gaps."""
    text = message.get("text")
    if text is None:
        text = rule["messageStrings"][message["id"]]["text"]
    for index, argument in enumerate(message.get("arguments") or ()):
        text = text.replace(f"{{{index}}}", str(argument))
    return str(text)


def _path(run: Mapping[str, Any], location: Mapping[str, Any]) -> str:
    """A path; a relative one where the log does not say what it is relative to."""
    if "uri" not in location:
        location = run["artifacts"][location["index"]]["location"]
    uri = str(location["uri"])
    seen: set[str] = set()
    while (base := location.get("uriBaseId")) and base not in seen:
        seen.add(base)
        location = (run.get("originalUriBaseIds") or {}).get(base, {})
        uri = urljoin(str(location.get("uri", "")), uri)
    parts = urlsplit(uri)
    if parts.scheme not in ("", "file"):
        raise CheckerError(f"{uri} is no file")
    path = unquote(parts.path)
    # file:///C:/x is C:/x
    return path[1:] if path[2:3] == ":" else path


def document(
    results: Sequence[Result], *, version: str, uri_of: Callable[[str], str] = quote
) -> dict[str, Any]:
    """A log with one run: ours. `uri_of` writes a path as a URI, relative where it can be."""
    rules = sorted({_rule_id(item.diagnostic) for item in results})
    driver = {"name": "spark-lsp", "version": version, "rules": [{"id": rule} for rule in rules]}
    return {
        "$schema": SCHEMA,
        "version": VERSION,
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_written(item, rules, uri_of) for item in results],
            }
        ],
    }


def _rule_id(item: Diagnostic) -> str:
    return "/".join(part for part in (item.source, item.code) if part) or "unnamed"


def _written(item: Result, rules: Sequence[str], uri_of: Callable[[str], str]) -> dict[str, Any]:
    said = item.diagnostic
    place = {"artifactLocation": {"uri": uri_of(item.path)}}
    written: dict[str, Any] = {
        "ruleId": _rule_id(said),
        "ruleIndex": rules.index(_rule_id(said)),
        "level": LEVELS[said.severity],
        "message": {"text": said.message},
        "locations": [{"physicalLocation": place | {"region": _region(said)}}],
    }
    if item.edits:
        replacements = [
            {"deletedRegion": _region(edit), "insertedContent": {"text": edit.text}} for edit in item.edits
        ]
        written["fixes"] = [{"artifactChanges": [place | {"replacements": replacements}]}]
    if item.state:
        written["properties"] = {"state": item.state}
    return written


def _region(span: Diagnostic | Edit) -> dict[str, int]:
    return {
        "startLine": span.line + 1,
        "startColumn": span.column + 1,
        "endLine": span.end_line + 1,
        "endColumn": span.end_column + 1,
    }
