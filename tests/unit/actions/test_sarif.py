"""SARIF in, from the logs of others, and out."""

from __future__ import annotations

import json
from typing import Any

import pytest

from spark_lsp.actions import sarif
from spark_lsp.actions.readers import Finding
from spark_lsp.actions.sarif import Result
from spark_lsp.errors import CheckerError
from spark_lsp.values import Diagnostic, Edit


def log(*results: dict[str, Any], **run: Any) -> str:
    rules = [
        {
            "id": "R1",
            "defaultConfiguration": {"level": "error"},
            "messageStrings": {"m": {"text": "no {0} in {1}"}},
        },
        {"id": "R2"},
    ]
    whole = {"tool": {"driver": {"name": "Linter", "rules": rules}}, "results": list(results), **run}
    return json.dumps({"version": "2.1.0", "runs": [whole]})


def result(uri: str = "src/a%20b.py", region: dict[str, int] | None = None, **more: Any) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": uri},
        "region": region or {"startLine": 3, "startColumn": 5, "endColumn": 9},
    }
    return {"message": {"text": "bad"}, "locations": [{"physicalLocation": place}], **more}


def check(document: str, *expected: Finding) -> None:
    assert list(sarif.findings(document)) == list(expected)


def finding(path: str = "src/a b.py", **more: Any) -> Finding:
    return Finding(path, 2, 4, "bad", "", "warning", 2, 8, "utf-16")._replace(**more)


def test_a_result() -> None:
    check(log(result()), finding())


def test_columns_in_code_points() -> None:
    check(log(result(), columnKind="unicodeCodePoints"), finding(encoding="utf-32"))


def test_a_rule_says_how_bad_it_is_unless_the_result_does() -> None:
    check(log(result(ruleId="R1")), finding(code="R1", severity="error"))
    check(log(result(ruleIndex=0)), finding(code="R1", severity="error"))
    check(log(result(ruleId="R1", level="note")), finding(code="R1", severity="information"))


def test_a_message_of_a_rule() -> None:
    message = {"id": "m", "arguments": ["x", "y"]}
    check(
        log(result(ruleId="R1", message=message)), finding(code="R1", severity="error", message="no x in y")
    )


def test_a_line_without_columns_is_all_of_it() -> None:
    (found,) = sarif.findings(log(result(region={"startLine": 3})))
    assert (found.line, found.column, found.end_line, found.end_column) == (2, 0, 2, sarif.END_OF_LINE)


def test_where_a_path_begins() -> None:
    bases = {"SRC": {"uri": "lib/", "uriBaseId": "ROOT"}, "ROOT": {"uri": "file:///home/me/"}}
    place = {"artifactLocation": {"uri": "a.py", "uriBaseId": "SRC"}, "region": {"startLine": 1}}
    document = log(result() | {"locations": [{"physicalLocation": place}]}, originalUriBaseIds=bases)
    assert [item.path for item in sarif.findings(document)] == ["/home/me/lib/a.py"]
    assert [item.path for item in sarif.findings(log(result("file:///C:/a.py")))] == ["C:/a.py"]


def test_what_is_no_fault() -> None:
    check(
        log(
            result(suppressions=[{"kind": "inSource"}]),
            result(kind="pass"),
            result(baselineState="absent"),
            {"message": {"text": "of nowhere"}},
        )
    )
    check(log(result(suppressions=[{"kind": "external", "status": "rejected"}])), finding())


@pytest.mark.parametrize(
    "document",
    [
        "",
        "[]",
        "{}",
        '{"version": "2.1.0"}',
        '{"version": "2.1.0", "runs": [{}]}',
        '{"version": "1.0.0", "runs": []}',
        '{"version": "2.1.0", "runs": [3]}',
        log(result(region={"startLine": "x"})),  # type: ignore[dict-item]  # wrong on purpose
        log(result("https://elsewhere/a.py")),
        log(result(ruleIndex="x")),
        log(result(message={"id": "no-such"}, ruleId="R2")),
        "[" * 100_000,
    ],
)
def test_what_is_no_sarif(document: str) -> None:
    with pytest.raises(CheckerError):
        list(sarif.findings(document))


RESULTS = (
    Result(
        "src/a b.py",
        Diagnostic(2, 4, 2, 8, "bad", "E1", "ruff"),
        (Edit(2, 4, 2, 8, "good"), Edit(0, 0, 0, 0, "import x\n")),
        "fixed",
    ),
    Result("c.py", Diagnostic(0, 0, 0, 0, "odd", severity="hint")),
)


def test_ours_has_what_the_standard_requires() -> None:
    """Section by section: what SHALL be there."""
    document = sarif.document(RESULTS, version="1.2.3")
    assert document["version"] == "2.1.0"  # 3.13.2
    (run,) = document["runs"]  # 3.13.4
    assert run["tool"]["driver"]["name"] == "spark-lsp"  # 3.14.6, 3.18.2, 3.19.8
    assert run["columnKind"] == "unicodeCodePoints"  # 3.14.17
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]  # 3.49.3
    assert len(rules) == len(set(rules))
    for item in run["results"]:
        assert item["message"]["text"]  # 3.27.11, 3.11.8
        assert rules[item["ruleIndex"]] == item["ruleId"]  # 3.27.6
        assert item["level"] in ("none", "note", "warning", "error")  # 3.27.10
        for fix in item.get("fixes", ()):
            assert fix["artifactChanges"]  # 3.55.3
            for change in fix["artifactChanges"]:
                assert " " not in change["artifactLocation"]["uri"]  # 3.56.2, 3.4.3: a URI
                assert change["replacements"]  # 3.56.3
                assert all("deletedRegion" in step for step in change["replacements"])  # 3.57.3
        for region in [place["physicalLocation"]["region"] for place in item["locations"]]:
            assert min(region.values()) >= 1  # 3.30.5 and following
            assert (region["endLine"], region["endColumn"]) >= (region["startLine"], region["startColumn"])


def test_ours_is_read_again() -> None:
    found = list(sarif.findings(json.dumps(sarif.document(RESULTS, version="1"))))
    assert [(item.path, item.line, item.column, item.end_column, item.message) for item in found] == [
        ("src/a b.py", 2, 4, 8, "bad"),
        ("c.py", 0, 0, 0, "odd"),
    ]
