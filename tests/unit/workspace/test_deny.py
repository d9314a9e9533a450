"""Which documents stay on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.workspace.deny import Denied

LINKS = {
    "work/innocent.py": "elsewhere/secret/key.py",
    "work/shared": "elsewhere/secret",
    "other/work": "work",
    "linked": "elsewhere/real",
}
FOLDERS = ("work", "work/nested", "lib[1]", "linked")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with workspace folders in it, and links from one place to another."""
    for folder in ("work/nested", "lib[1]", "elsewhere/secret", "elsewhere/real", "other"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    for link, target in LINKS.items():
        (tmp_path / link).symlink_to(tmp_path / target)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def check(disk: Path, lines: Sequence[str], denied: Sequence[str], free: Sequence[str]) -> None:
    """Of these documents, by their paths in the home, the first are denied and the others are not."""
    rules = Denied([line.replace("HOME", str(disk)) for line in lines], [disk / name for name in FOLDERS])
    assert [path for path in (*denied, *free) if rules.holds(disk / path)] == list(denied)


CASES: dict[str, tuple[list[str], list[str], list[str]]] = {
    "nothing": ([], [], ["work/a.py"]),
    "a glob": (["*.key"], ["work/a.key", "work/x\n/b.key", "elsewhere/c.key"], ["work/a.py"]),
    "a folder": (["secret/"], ["work/secret/x/a.py", "elsewhere/secret/a.py"], ["work/secret"]),
    "from the workspace folder": (["/src/", "a/b.py"], ["work/src/x.py", "work/a/b.py"], ["work/x/src/a.py"]),
    "in any folder that it is in": (
        ["/src/"],
        ["work/src/a", "work/nested/src/a", "lib[1]/src/a"],
        ["src/a"],
    ),
    "everything": (["*"], ["work/a.py", "elsewhere/b.py", "c.py"], []),
    "brought back": (["*.py", "!a.py"], ["work/b.py"], ["work/a.py", "work/x/a.py", "elsewhere/a.py"]),
    "nothing is brought back from a folder": (["src/", "!a.py"], ["work/src/a.py"], ["work/a.py"]),
    "all but a folder": (["/*", "!/docs/"], ["work/a.py", "work/src/docs/a"], ["work/docs/a.py"]),
    "the whole path": (["HOME/work/src/"], ["work/src/a.py"], ["work/a.py", "elsewhere/src/a.py"]),
    "a workspace folder itself": (["HOME/work"], ["work/a.py", "work/x/b.py"], ["lib[1]/a.py"]),
    "at home": (["~/elsewhere/*.py", "~/work/a.py"], ["elsewhere/a.py", "work/a.py"], ["elsewhere/x/a.py"]),
    "all but one at home": (["*", "!~/work/a.py"], ["work/b.py", "elsewhere/a.py"], ["work/a.py"]),
    "a tilde elsewhere is a name": (["a/~/b", "~x"], ["work/a/~/b", "work/~x"], ["a/b", "x"]),
    "what a link leads to": (["secret/"], ["work/innocent.py", "work/shared/a.py"], ["work/a.py"]),
    "a link's own name": (
        ["innocent.py", "shared"],
        ["work/innocent.py", "work/shared/a.py"],
        ["elsewhere/b.py"],
    ),
    "a folder that is reached through a link": (["/src/"], ["other/work/src/a.py"], ["other/src/a.py"]),
    "a folder that is a link": (["/src/"], ["linked/src/a.py", "elsewhere/real/src/a.py"], ["linked/a.py"]),
    "a folder whose name looks like a pattern": (["/a.py"], ["lib[1]/a.py"], ["lib1/a.py"]),
    "dots in the path": (["/src/"], ["work/x/../src/a.py"], ["work/src/../a.py"]),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_cases(case: tuple[list[str], list[str], list[str]], disk: Path) -> None:
    check(disk, *case)


@pytest.mark.parametrize(
    ("line", "path", "denied"),
    [
        ("C:/Users/me/", "C:/Users/me/a.py", True),
        ("c:\\users\\ME\\", "C:/Users/me/a.py", True),
        ("Secret/", "C:/work/SECRET/a.py", True),
        ("/src/*.PY", "C:/work/src/a.py", True),
        ("C:/Users/", "C:/work/Users/a.py", False),
    ],
)
def test_windows(line: str, path: str, denied: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Drives, both kinds of separators in what is written, and names whose case does not count."""
    monkeypatch.setattr("os.path.abspath", str)
    monkeypatch.setattr("spark_lsp.workspace.deny.resolved", str)
    assert Denied([line], [Path("C:/work")], case_counts=False).holds(Path(path)) == denied


lines = st.lists(
    st.sampled_from(["a", "b/", "*", "/a", "!a", "!b/", "a/**", "!*/", "*.py", "!/a/x.py"]), max_size=5
)
paths = st.lists(st.sampled_from(["a", "b", "x.py"]), min_size=1, max_size=4).map("/".join)


@given(lines, paths)
def test_a_document_is_as_denied_in_a_folder_as_the_folder_were_the_disk(rules: list[str], path: str) -> None:
    inside = Denied(rules, [Path("/w")]).holds(Path("/w", path))
    assert inside == Denied(rules, []).holds(Path("/", path))


@given(lines, paths)
def test_one_more_pattern_never_frees_a_document(rules: list[str], path: str) -> None:
    document, folders = Path("/w", path), [Path("/w")]
    if Denied(rules, folders).holds(document):
        assert Denied([*rules, "z"], folders).holds(document)
        assert Denied(["a", *rules], folders).holds(document)


def test_a_path_that_is_none() -> None:
    assert Denied(["*"], []).holds(Path("a\0b"))
    assert Denied(["*"], []).holds(Path("untitled:Untitled-1"))
