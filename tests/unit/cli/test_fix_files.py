"""Files that are changed in place: whole or not at all, and what was there is kept."""

from __future__ import annotations

import codecs
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.cli.fix_files import BACKUPS, KEPT, Backup, Source, replace_file
from spark_lsp.errors import UsageError
from spark_lsp.text import line_body, split_lines

OLD, NEW = b"old = 1\r\n", b"new = 2\r\n"

STEPS = ("open", "fsync", "mkdir", "replace", "close", "chmod")
KILLED_AT = """
import os, signal, sys, tempfile
from pathlib import Path
from spark_lsp.cli.fix_files import Backup, Source, replace_file

name, count, file = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])
real, seen = getattr(os, name), 0

def step(*arguments, **more):
    global seen
    seen += 1
    if seen == count:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(*arguments, **more)

source = Source.read(file, 1 << 20)
setattr(os, name, step)
replace_file(source, b"new = 2\\r\\n", Backup(file.parent))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sends a signal")
@pytest.mark.parametrize("name", STEPS)
def test_killed_at_each_step(tmp_path: Path, name: str) -> None:
    """Until there is no such step any more."""
    outcomes = set()
    for count in range(1, 30):
        root = tmp_path / str(count)
        root.mkdir()
        file = root / "x.py"
        file.write_bytes(OLD)
        words = [sys.executable, "-c", KILLED_AT, name, str(count), str(file)]
        ended = subprocess.run(words, capture_output=True, check=False, timeout=50)
        content = file.read_bytes()
        assert content in (OLD, NEW)
        copies = [copy.read_bytes() for copy in (root / BACKUPS).glob("*/x.py")]
        if content == NEW:
            assert copies == [OLD]
        outcomes.add(content)
        if ended.returncode == 0:
            assert count > 1, "the step never came"
            assert sorted(os.listdir(root)) == [BACKUPS, "x.py"]
            break
        assert ended.returncode == -9, ended.stderr
    else:
        pytest.fail("it never ends")
    assert outcomes == {OLD, NEW}


def test_somebody_else_wrote_it_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_bytes(OLD)
    source = Source.read(file, 100)
    file.write_bytes(b"theirs")
    backup = Backup(tmp_path)
    with pytest.raises(UsageError, match="somebody else"):
        replace_file(source, NEW, backup)
    assert file.read_bytes() == b"theirs"
    assert backup.folder is None


def test_without_a_backup_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_bytes(OLD)
    (tmp_path / BACKUPS).write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="cannot be written"):
        replace_file(Source.read(file, 100), NEW, Backup(tmp_path))
    assert file.read_bytes() == OLD


def test_two_runs_in_a_second_have_backups_of_their_own_and_old_ones_go(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    folders = []
    for number in range(KEPT + 3):
        file.write_bytes(b"%d" % number)
        backup = Backup(tmp_path)
        backup.keep(Source.read(file, 100))
        folders.append(backup.folder)
    assert len(set(folders)) == KEPT + 3
    left = [folder for folder in folders if folder is not None and folder.exists()]
    assert len(left) == KEPT
    assert folders[-1] in left


def source_of(text: str, mark: bytes = b"") -> Source:
    return Source(Path("x"), mark + text.encode("utf-8", "surrogatepass"), text)


CASES = {
    "crlf": ("a\r\nb\r\n", "a\nc\nd\n", "a\r\nc\r\nd\r\n"),
    "mixed: lines that stay keep theirs": ("a\nb\r\nc\r\nd", "a\nX\nc\nd", "a\nX\r\nc\r\nd"),
    "no line end at the end": ("a\r\nb", "a\r\nb".replace("\r", "") + "2", "a\r\nb2"),
    "a line end comes": ("a\r\nb", "a\nb\n", "a\r\nb\r\n"),
    "a line end goes": ("a\r\nb\r\n", "a\nb", "a\r\nb"),
    "one line": ("a", "b\nc", "b\nc"),
    "nothing is left": ("a\r\n", "", ""),
    "old Macs": ("a\rb\r", "a\nc\n", "a\rc\r"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_line_ends(case: tuple[str, str, str]) -> None:
    before, text, after = case
    assert source_of(before).rewritten(text) == after


lines = st.lists(st.text("ab\té", max_size=3), min_size=1, max_size=6)


@given(lines, lines, st.lists(st.sampled_from(["\n", "\r\n"]), min_size=6, max_size=6))
def test_the_text_is_as_wanted_whatever_the_line_ends(
    old: list[str], new: list[str], ends: list[str]
) -> None:
    text = "".join(line + end for line, end in zip(old[:-1], ends, strict=False)) + old[-1]
    after = source_of(text).rewritten("\n".join(new))
    assert [line_body(line) for line in split_lines(after)] == new
    same = source_of(text).rewritten("\n".join(line_body(line) for line in split_lines(text)))
    assert same == text


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_bytes(codecs.BOM_UTF8 + b"x = 1\n")
    source = Source.read(file, 100)
    assert source.text == "x = 1\n"
    assert source.encoded("x = 2\n") == codecs.BOM_UTF8 + b"x = 2\n"


@pytest.mark.parametrize("content", [b"\xff\xfea\0", b"a\0b", b"caf\xe9", b"x" * 200])
def test_what_is_no_text_of_ours(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(UsageError):
        Source.read(tmp_path / "x", 100)
