"""What checkers print, in their own words, and what is made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest

from spark_lsp.actions.checkers import CHECKERS, READERS, for_language, own_checker, read
from spark_lsp.config import settings
from spark_lsp.errors import CheckerError
from spark_lsp.values import Diagnostic

FOLDER = "/shop/a b"
PYTHON = 's = "😀é"; t: int = "x"\n'
TYPESCRIPT = 'const s = "😀é"; const t: number = "x";\n'
RUST = 'fn main() {\n    let s = "😀é"; let t: i32 = "x";\n}\n'
GO = 'package sub\nfunc F() { s := "😀é"; fmt.Printf("%d", s) }\n'
SCRIPT = 'const s = "😀é"; let t = foo;\n'

Case = tuple[str, str, str, str, int, list[tuple[int, int, int, int, str, str, str]]]
"""The checker, the file's text, what came on stdout and stderr, the status; what is made of it."""


def pyright(
    line: int, start: int, end: int, message: str, rule: str, file: str = "x.py"
) -> dict[str, object]:
    span = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
    return {"file": f"{FOLDER}/{file}", "severity": "error", "message": message, "range": span, "rule": rule}


def ruff(
    row: int, start: int, end: int, message: str, code: str | None, file: str = "x.py"
) -> dict[str, object]:
    return {
        "filename": f"{FOLDER}/{file}",
        "location": {"row": row, "column": start},
        "end_location": {"row": row, "column": end},
        "message": message,
        "code": code,
        "fix": None,
    }


def cargo(file: str) -> str:
    spans = [
        {
            "file_name": file,
            "line_start": 2,
            "line_end": 2,
            "column_start": 26,
            "column_end": 29,
            "is_primary": False,
        },
        {
            "file_name": file,
            "line_start": 2,
            "line_end": 2,
            "column_start": 32,
            "column_end": 35,
            "is_primary": True,
        },
    ]
    message = {"level": "error", "message": "mismatched types", "spans": spans, "code": {"code": "E0308"}}
    note: dict[str, object] = {
        "level": "failure-note",
        "message": "For more information ...",
        "spans": [],
        "code": None,
    }
    lines = [
        {"reason": "compiler-artifact", "fresh": True},
        {"reason": "compiler-message", "message": message},
        {"reason": "compiler-message", "message": note},
        {"reason": "build-finished", "success": False},
    ]
    return "\n".join(map(json.dumps, lines))


CASES: Mapping[str, Case] = {
    "ruff counts code points": (
        "ruff",
        PYTHON,
        json.dumps([ruff(1, 10, 11, "a name", "E741"), ruff(1, 1, 2, "expected", None)]),
        "",
        1,
        [(0, 0, 0, 1, "", "error", "expected"), (0, 9, 0, 10, "E741", "error", "a name")],
    ),
    "ruff has nothing to say": ("ruff", PYTHON, "[]", "", 0, []),
    "pyright counts UTF-16, and puts hard blanks into its messages": (
        "pyright",
        PYTHON,
        json.dumps(
            {"generalDiagnostics": [pyright(0, 20, 23, "no\n\xa0\xa0at all", "reportAssignmentType")]}
        ),
        "No configuration file found.",
        1,
        [(0, 19, 0, 22, "reportAssignmentType", "error", "no\n  at all")],
    ),
    "pyright warns of another file": (
        "pyright",
        PYTHON,
        json.dumps({"generalDiagnostics": [pyright(0, 0, 1, "m", "r", "y.py")]}),
        "",
        1,
        [],
    ),
    "mypy's columns are of no use where a line is not ASCII: the whole line": (
        "mypy",
        f"    {PYTHON}",
        'x.py:1:16:1:18: error: Incompatible types in assignment (expression has type "str")  [assignment]\n'
        "x.py:1:16:1:18: note: See the documentation\n",
        "",
        1,
        [
            (
                0,
                4,
                0,
                26,
                "assignment",
                "error",
                'Incompatible types in assignment (expression has type "str")',
            )
        ],
    ),
    "mypy in lines, as ASCII": (
        "mypy",
        "def f(a: int) -> str:\n    return a\n",
        "x.py:2:12:2:12: error: Incompatible return value type  [return-value]\n",
        "",
        1,
        [(1, 11, 1, 12, "return-value", "error", "Incompatible return value type")],
    ),
    "mypy in JSON": (
        "mypy",
        "def f(a: int) -> str:\n    return a\n",
        '{"file": "x.py", "line": 2, "column": 11, "end_line": 2, "end_column": 12, "message": "no",'
        ' "hint": null, "code": "return-value", "severity": "error"}\n'
        '{"file": "x.py", "line": 2, "column": 11, "message": "see", "code": "x", "severity": "note"}\n',
        "",
        1,
        [(1, 11, 1, 12, "return-value", "error", "no")],
    ),
    "mypy cannot go on behind a syntax error: status 2": (
        "mypy",
        "x = (\n",
        "x.py:1:5: error: '(' was never closed  [syntax]\n",
        "",
        2,
        [(0, 4, 0, 5, "syntax", "error", "'(' was never closed")],
    ),
    "tsc counts UTF-16; the word there is meant; a message may have more lines": (
        "tsc",
        TYPESCRIPT,
        "x.ts(1,24): error TS2322: Type 'string' is not assignable.\n  Type 'x' is.\n"
        "y.ts(1,1): error TS1: no\n",
        "",
        2,
        [(0, 22, 0, 23, "2322", "error", "Type 'string' is not assignable.\n  Type 'x' is.")],
    ),
    "eslint counts UTF-16": (
        "eslint",
        SCRIPT,
        json.dumps(
            [
                {
                    "filePath": f"{FOLDER}/x.js",
                    "messages": [
                        {
                            "ruleId": "no-unused-vars",
                            "severity": 2,
                            "message": "'t' is unused.",
                            "line": 1,
                            "column": 22,
                            "endLine": 1,
                            "endColumn": 23,
                        },
                        {
                            "ruleId": None,
                            "fatal": True,
                            "severity": 2,
                            "message": "Parsing",
                            "line": 1,
                            "column": 26,
                        },
                        {"ruleId": "prefer-const", "severity": 1, "message": "const", "line": 1, "column": 1},
                    ],
                }
            ]
        ),
        "",
        1,
        [
            (0, 0, 0, 5, "prefer-const", "warning", "const"),
            (0, 20, 0, 21, "no-unused-vars", "error", "'t' is unused."),
            (0, 24, 0, 27, "", "error", "Parsing"),
        ],
    ),
    "go vet counts bytes, and prints JSON among lines": (
        "go vet",
        GO,
        "",
        '# demo/sub\n{\n\t"demo/sub": {\n\t\t"printf": [\n\t\t\t{\n\t\t\t\t"posn": "/shop/a b/x.go:2:27",\n'
        '\t\t\t\t"message": "wrong type"\n\t\t\t}\n\t\t]\n\t}\n}\n',
        0,
        [(1, 22, 1, 25, "printf", "warning", "wrong type")],
    ),
    "go vet prints what the compiler says": (
        "go vet",
        GO,
        "",
        "# demo/sub\nvet: ./x.go:2:12: s declared but not used\n",
        2,
        [(1, 11, 1, 12, "", "error", "s declared but not used")],
    ),
    "cargo counts code points, and names files from the folder it runs in": (
        "cargo check",
        RUST,
        cargo("src/../x.rs"),
        "error: could not compile",
        101,
        [(1, 31, 1, 34, "E0308", "error", "mismatched types")],
    ),
    "cargo of another file": ("cargo check", RUST, cargo("src/x.rs"), "error: could not compile", 101, []),
    "clang counts bytes": (
        "clang",
        'int f() { return "😀é", x; }\n',
        "",
        "/shop/a b/x.c:1:28: error: use of undeclared identifier 'x'\n"
        "/shop/a b/x.c:1:18: warning: left operand has no effect [-Wunused-value]\n"
        "1 warning and 1 error generated.\n",
        1,
        [
            (0, 17, 0, 18, "-Wunused-value", "warning", "left operand has no effect"),
            (0, 23, 0, 24, "", "error", "use of undeclared identifier 'x'"),
        ],
    ),
}
NAMES = {"ruff": "x.py", "pyright": "x.py", "mypy": "x.py", "tsc": "x.ts", "eslint": "x.js", "go vet": "x.go"}
NAMES |= {"cargo check": "x.rs", "clang": "x.c"}


def check(name: str, text: str, output: str, errors: str, status: int) -> list[Diagnostic]:
    path = f"{FOLDER}/{NAMES[name]}"
    return list(read(CHECKERS[name], output, errors, status, path, folder=FOLDER, text=text))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_reading(case: Case) -> None:
    name, text, output, errors, status, expected = case
    found = check(name, text, output, errors, status)
    assert found == [
        Diagnostic(*place, message, code, name, severity)  # type: ignore[arg-type, call-arg]  # of a case
        for *place, code, severity, message in expected
    ]


GARBAGE: Mapping[str, tuple[str, str, str, int, str]] = {
    "a crash": ("ruff", "", "thread 'main' panicked\nout of memory\n", 101, "out of memory"),
    "no JSON": ("pyright", "Segmentation fault", "", 139, "this is no JSON: 'Segmentation fault'"),
    "cut off": ("eslint", '[{"filePath": "/work', "", 0, "this is no JSON"),
    "another JSON": ("ruff", '{"results": []}', "", 0, "not of the form that is known"),
    "another form inside": ("ruff", '[{"filename": "x.py", "location": 3}]', "", 1, "has no location"),
    "numbers that are none": ("pyright", '{"generalDiagnostics": [{"file": 3}]}', "", 1, "JSON has no"),
    "nested without end": ("pyright", "[" * 100_000, "", 0, "this is no JSON"),
    "a list for a table": ("pyright", "[]", "", 0, "not of the form that is known"),
    "wrong settings": ("tsc", "error TS5023: Unknown compiler option 'x'.\n", "", 1, "TS5023"),
    "wrong settings in a file": ("tsc", "a/tsconfig.json(1,46): error TS5095: no\n", "", 2, "TS5095"),
    "a bad option": (
        "mypy",
        "",
        "usage: mypy\nmypy: error: unrecognized arguments: --x\n",
        2,
        "unrecognized",
    ),
    "no workspace": ("cargo check", "", "error: could not find `Cargo.toml`\n", 101, "Cargo.toml"),
    "nothing": ("clang", "", "", 1, "it said nothing"),
}


@pytest.mark.parametrize("case", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_an_error_that_names_the_checker(case: tuple[str, str, str, int, str]) -> None:
    name, output, errors, status, said = case
    with pytest.raises(CheckerError, match=f"(?s){name}.*{said}"):
        check(name, "x\n", output, errors, status)


LINES: Mapping[str, tuple[str, tuple[int, int, str, str, str] | None]] = {
    "as most print it": ("x.py:3:5: too long", (2, 4, "", "error", "too long")),
    "no column": ("x.py:3: too long", (2, 0, "", "error", "too long")),
    "a code in front": ("x.py:3:5: warning[W12]: no", (2, 4, "W12", "warning", "no")),
    "a code behind": ("x.py:3:5: warning: no [W12]", (2, 4, "W12", "warning", "no")),
    "a code as linters put it": ("x.py:3:5: E501 Line too long", (2, 4, "E501", "error", "Line too long")),
    "a code with a colon": (
        "x.py:3:5: C0114: Missing docstring",
        (2, 4, "C0114", "error", "Missing docstring"),
    ),
    "no code": ("x.py:3:5: EOF 12 in line", (2, 4, "", "error", "EOF 12 in line")),
    "a name with a colon": ("a:b.py:3:5: no", None),
    "a drive": (r"C:\x.py:3:5: no", None),
    "from the folder it runs in": ("./x.py:1:1: hint: no", (0, 0, "", "hint", "no")),
    "talk": ("Checked 3 files: all good", None),
    "a note on what is above": ("x.py:3:5: note: declared here", None),
}


@pytest.mark.parametrize("case", LINES.values(), ids=LINES)
def test_lines(case: tuple[str, tuple[int, int, str, str, str] | None]) -> None:
    line, expected = case
    own = own_checker("mine", {"command": ("mine", "{file}")})
    found = read(own, line, "", 0, f"{FOLDER}/x.py", folder=FOLDER, text="a\nb\n  a long line\n")
    assert [(item.line, item.column, item.code, item.severity, item.message) for item in found] == (
        [expected] if expected else []
    )


def test_a_drive_is_part_of_the_name() -> None:
    own = own_checker("mine", {"command": ("mine",)})
    assert len(read(own, r"C:\p\x.py:3:5: no", "", 0, r"C:\P\x.py", folder="C:\\p")) == 1
    assert len(read(own, r"x.py:3:5: no", "", 0, r"C:\p\x.py", folder="C:\\p")) == 1


def test_columns_without_a_text_are_kept_as_they_are() -> None:
    found = read(CHECKERS["tsc"], "x.ts(9,24): error TS2: no\n", "", 1, "x.ts")
    assert found == (Diagnostic(8, 23, 8, 23, "no", "2", "tsc"),)


def test_places_that_the_text_does_not_have() -> None:
    (found,) = read(CHECKERS["tsc"], "x.ts(900,2400): error TS2: no\n", "", 1, "x.ts", text="a\nbc")
    assert (found.line, found.column, found.end_line, found.end_column) == (1, 2, 1, 2)


def test_who_is_asked() -> None:
    own: dict[str, settings.OwnChecker] = {
        "mine": {"command": ("mine",), "languages": ("lua",)},
        "ruff": {"command": ("uvx", "ruff", "check", "--output-format", "json", "{file}")},
        "all": {"command": ("all", "--read", "{text}")},
    }
    assert [item.name for item in for_language(("pyright", "ruff", "tsc", "ruff"), "python")] == [
        "pyright",
        "ruff",
    ]
    assert [item.name for item in for_language(("mine", "all", "nobody"), "lua", own)] == ["mine", "all"]
    ruff, everything = for_language(("ruff", "all"), "python", own)
    assert (ruff.command[0], ruff.reader, ruff.shadow, ruff.runs_project) == ("uvx", "ruff", "folder", False)
    assert (everything.reader, everything.shadow) == ("lines", "file")


def test_the_settings_know_the_same_names() -> None:
    assert tuple(CHECKERS) == settings.CHECKERS
    assert tuple(READERS) == settings.FORMATS
    assert set(settings.ActionSettings().verify) <= CHECKERS.keys()
