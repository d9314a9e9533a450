"""Tests of foreign code: what they can do, and that they end."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from spark_lsp.cli.actions import sandbox, told
from spark_lsp.cli.actions.sandbox import failure

AREA = "def area(width, height):\n    return width * height\n"


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ("assert area(2, 3) == 6", ""),
        ("from area import area\nassert area(2, 3) == 6", ""),
        ("assert area(2, 3) == 5", "AssertionError"),
        ("import os\nassert set(os.listdir('.')) == {'area.py', 'run_the_test.py'}", ""),
        ("import os\nassert not set(os.environ) - {'PATH', 'LC_CTYPE'}, set(os.environ)", ""),
        ("open('big', 'wb').write(bytes(3_000_000))", "File too large"),
        ("raise SystemExit(3)", "exit status 3"),
        ("area(", "SyntaxError"),
    ],
)
def test_a_test(test: str, says: str) -> None:
    found = failure("area.py", AREA, test)
    assert found == says if not says else says in found


def test_what_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    child = f"import time; time.sleep(3); open({str(tmp_path / 'late')!r}, 'w')"
    test = (
        f"import subprocess, sys, time\nsubprocess.Popen([sys.executable, '-c', {child!r}])\ntime.sleep(60)"
    )
    began = time.monotonic()
    assert failure("area.py", AREA, test, seconds=2.0) == "no end after 2 s"
    time.sleep(max(0, 4.5 - (time.monotonic() - began)))
    assert not (tmp_path / "late").exists()


def test_there_is_no_network() -> None:
    if not sandbox._offline():
        pytest.skip("this system lets no user run a process without a network")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        said = failure("area.py", AREA, f"import socket\nsocket.create_connection({address}, timeout=2)")
    assert "Network is unreachable" in said


def test_a_fault_is_told_where_it_belongs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests, text = tmp_path / "tests.json", tmp_path / "text.py"
    tests.write_text('{"area.py": {"line": 1, "says": "area is wrong", "test": "assert area(2, 3) == 5"}}')
    text.write_text(AREA)
    assert told.main(str(tests), "/there/area.py", str(text)) == 1
    assert capsys.readouterr().out == "/there/area.py:1:1: area is wrong\n"
    assert told.main(str(tests), "/there/other.py", str(text)) == 0
    text.write_text(AREA.replace("height\n", "height - 1\n"))
    assert told.main(str(tests), "/there/area.py", str(text)) == 0
    assert capsys.readouterr().out == ""
