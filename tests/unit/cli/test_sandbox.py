"""Tests of foreign code: what they can do, and that they end."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from spark_lsp.cli import sandbox
from spark_lsp.cli.actions import told
from spark_lsp.cli.sandbox import failure

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


@pytest.mark.parametrize(
    ("test", "says"),
    [
        ("while True: pass", "no end after"),
        ("import sys\nwhile True: sys.stderr.write('x' * 100_000)", "" if os.name == "nt" else "x" * 400),
        ("import os\nos.fork()", "os.fork is not for a test"),
        ("import subprocess\nsubprocess.Popen(['true'])", "subprocess.Popen is not for a test"),
        ("import os\nos.system('true')", "os.system is not for a test"),
        ("bytes(3 << 30)", "MemoryError"),
        ("raise SystemExit(0)", "it ends before its test does"),
        ("import os\nos._exit(0)", "it ends before its test does"),
    ],
)
def test_what_a_program_may_not(test: str, says: str) -> None:
    """It is the program that does it, before its test is run: it would have passed."""
    found = failure("area.py", f"{AREA}{test}\n", "assert True", seconds=3.0)
    assert found
    assert says in found


def test_no_connection_is_opened() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        server.settimeout(0.1)
        said = failure("area.py", AREA, f"import socket\nsocket.create_connection({address}, timeout=2)")
        assert "is not for a test" in said
        with pytest.raises(TimeoutError):
            server.accept()


def native(call: str) -> str:
    """A program that goes around what Python asks of it."""
    return f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n{call}\n"


@pytest.mark.skipif(
    not sandbox._alone(), reason="this system lets no user run a process in namespaces of its own"
)
def test_there_is_no_network_for_native_code_either() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = socket.htons(server.getsockname()[1])
        call = (
            "import struct\n"
            f"address = struct.pack('=HH4s8x', 2, {port}, bytes((127, 0, 0, 1)))\n"
            "assert libc.connect(libc.socket(2, 1, 0), address, 16) == 0, ctypes.get_errno()"
        )
        assert "AssertionError: 101" in failure("area.py", native(call), "assert True")


@pytest.mark.skipif(
    "--pid" not in sandbox._alone(), reason="this system lets no user run processes in a namespace of its own"
)
def test_what_it_started_ends_with_it(tmp_path: Path) -> None:
    late = tmp_path / "late"
    call = (
        "import time\n"
        "if libc.fork() == 0:\n"
        "    libc.setsid()\n"
        "    time.sleep(2)\n"
        f"    open({str(late)!r}, 'w').close()\n"
        "else:\n"
        "    while True: pass"
    )
    began = time.monotonic()
    assert failure("area.py", native(call), "assert True", seconds=1.0) == "no end after 1 s"
    time.sleep(max(0, 3.5 - (time.monotonic() - began)))
    assert not late.exists()


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
