"""Kind `local`: one child for all who want the same model, gone when the last of them is."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import textwrap
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from spark_lsp.backends import local
from spark_lsp.backends.base import Backend
from spark_lsp.backends.fake import FakeBackend
from spark_lsp.backends.local import LocalBackend
from spark_lsp.backends.local_child import Child, start
from spark_lsp.backends.local_plan import Meeting, Plan
from spark_lsp.backends.local_server import claim
from spark_lsp.config import BackendSettings
from spark_lsp.errors import (
    BackendError,
    BrokenStream,
    MissingExtra,
    RequestRejected,
    ServerFault,
    UsageError,
)
from spark_lsp.values import Delta, Prompt, Usage

NATIVE = """
import os, time
class Nothing:
    def __setattr__(self, name, value): self.__dict__[name] = value
    def __getattr__(self, name): self.__dict__[name] = Nothing(); return self.__dict__[name]
CommonParams = Nothing
class Server:
    def __init__(self, wanted):
        match open(wanted.model.path).read()[4:]:
            case "refuses": raise RuntimeError("cannot start")
            case "explains": os.write(2, b"unknown architecture\\n"); raise RuntimeError("cannot start")
            case "crashes": os.write(2, b"GGML_ASSERT failed\\n"); os.abort()
            case "hangs": time.sleep(60)
        self.listening_address = f"http://127.0.0.1:1/{wanted.n_ctx}/{wanted.n_batch}/{wanted.cache_ram_mib}"
"""
"""Stands in for xllamacpp in the child: what is behind `GGUF` in the model file says what goes wrong."""


@pytest.fixture(autouse=True)
def native(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "library"
    library.mkdir()
    (library / "xllamacpp.py").write_text(NATIVE)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(library), str(Path(__file__).parents[3])]))
    monkeypatch.syspath_prepend(str(library))


@pytest.fixture
def make_meeting(tmp_path: Path) -> Callable[[str], tuple[Plan, Meeting]]:
    def make(behaviour: str = "") -> tuple[Plan, Meeting]:
        plan = Plan(model_file(tmp_path, behaviour), 1, 64, 2, 0)
        return plan, Meeting(plan, tmp_path / "meeting")

    return make


@pytest.fixture(autouse=True)
def nobody_left(tmp_path: Path) -> Iterator[None]:
    yield
    for place in (tmp_path / "meeting").glob("*.json"):
        # A child that is ending takes its file away, at any moment.
        with suppress(FileNotFoundError):
            assert ended(pid_of(place)), "a child was left behind"


def model_file(folder: Path, behaviour: str = "") -> str:
    file = folder / "tiny.gguf"
    file.write_bytes(b"GGUF" + behaviour.encode())
    return str(file)


def pid_of(place: Path) -> int:
    pid = json.loads(place.read_bytes())["pid"]
    assert isinstance(pid, int)
    return pid


def ended(pid: int, seconds: float = 10.0) -> bool:
    """Whether it ends within `seconds`. One that nobody has reaped yet has ended, too."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                return True
        time.sleep(0.02)
    return False


def appears(file: Path, seconds: float = 10.0) -> Path:
    end = time.monotonic() + seconds
    while not file.exists() and time.monotonic() < end:
        time.sleep(0.02)
    return file


async def is_ended(pid: int) -> bool:
    return await asyncio.to_thread(ended, pid)


MakeMeeting = Callable[[str], tuple[Plan, Meeting]]


async def test_users_share_a_child_that_ends_with_the_last(make_meeting: MakeMeeting) -> None:
    plan, meeting = make_meeting("")
    first, second = await asyncio.gather(*(Child.find_or_start(plan, meeting) for _ in range(2)))
    pid = pid_of(meeting.place)
    assert first.url == second.url == "http://127.0.0.1:1/128/256/256"
    assert first.key == second.key
    assert meeting.place.stat().st_mode & 0o777 == 0o600
    assert meeting.folder.stat().st_mode & 0o777 == 0o700
    await first.leave()
    third = await Child.find(meeting)
    assert third is not None
    assert second.alive
    await second.leave()
    await third.leave()
    assert await is_ended(pid)
    assert not meeting.place.exists()
    assert await Child.find(meeting) is None


async def test_a_second_child_gives_way(make_meeting: MakeMeeting) -> None:
    plan, meeting = make_meeting("")
    meeting.prepare()
    held = claim(meeting.lock)
    assert held is not None
    with held:
        assert claim(meeting.lock) is None
        assert await asyncio.to_thread(start(plan, meeting).wait, 20) == 0
        assert not meeting.place.exists()
    child = await Child.find_or_start(plan, meeting)
    await child.leave()


async def test_a_killed_child_is_noticed_and_replaced(make_meeting: MakeMeeting) -> None:
    plan, meeting = make_meeting("")
    first = await Child.find_or_start(plan, meeting)
    os.kill(pid_of(meeting.place), signal.SIGKILL)
    second = await Child.find_or_start(plan, meeting)
    assert not first.alive
    assert second.alive
    assert second.key != first.key
    await first.leave()
    await second.leave()


async def test_a_killed_user_takes_the_child_along(make_meeting: MakeMeeting) -> None:
    plan, meeting = make_meeting("")
    user = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        textwrap.dedent(
            f"""
            import asyncio
            from pathlib import Path
            from spark_lsp.backends.local_child import Child, start
            from spark_lsp.backends.local_plan import Meeting, Plan
            async def main():
                plan = Plan.decode({plan.encode()!r})
                child = await Child.find_or_start(plan, Meeting(plan, Path({str(meeting.folder)!r})))
                print("in", flush=True)
                await asyncio.sleep(60)
            asyncio.run(main())
            """
        ),
        stdout=asyncio.subprocess.PIPE,
    )
    assert user.stdout is not None
    assert await user.stdout.readline() == b"in\n"
    pid = pid_of(meeting.place)
    user.kill()
    await user.wait()
    assert await is_ended(pid)


async def test_nobody_without_the_token_comes_in(make_meeting: MakeMeeting) -> None:
    plan, meeting = make_meeting("")
    child = await Child.find_or_start(plan, meeting)
    port = json.loads(meeting.place.read_bytes())["port"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"guess\n")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    await child.leave()


@pytest.mark.parametrize(
    "said", [b'{"state":"ready","url":"http://127.0.0.1:1","key":"k","proof":"guess"}\n', b"SSH-2.0\n", b""]
)
async def test_a_stranger_on_the_port_of_a_dead_child_is_not_believed(
    make_meeting: MakeMeeting, said: bytes
) -> None:
    async def stranger(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        writer.close()

    _, meeting = make_meeting("")
    meeting.prepare()
    async with await asyncio.start_server(stranger, "127.0.0.1", 0) as server:
        place = {"port": server.sockets[0].getsockname()[1], "pid": os.getpid(), "token": "t", "proof": "p"}
        meeting.place.write_text(json.dumps(place))
        assert await Child.find(meeting) is None
    meeting.place.unlink()


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        ("refuses", "cannot start"),
        ("explains", "unknown architecture"),
        ("crashes", "GGML_ASSERT failed"),
    ],
)
async def test_a_model_that_does_not_load(make_meeting: MakeMeeting, behaviour: str, says: str) -> None:
    plan, meeting = make_meeting(behaviour)
    meeting.prepare()
    meeting.log.write_text("what an earlier one said\n")
    with pytest.raises(ServerFault, match=says):
        await Child.find_or_start(plan, meeting)


async def test_a_child_is_left_while_it_loads(make_meeting: MakeMeeting) -> None:
    plan, meeting = make_meeting("hangs")
    coming = asyncio.create_task(Child.find_or_start(plan, meeting))
    pid = pid_of(await asyncio.to_thread(appears, meeting.place))
    await asyncio.sleep(0.1)
    coming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await coming
    assert await is_ended(pid)


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot be read"), (b"", "is not GGUF"), (b"PK\x03\x04", "is not GGUF")]
)
async def test_a_file_that_is_no_model(tmp_path: Path, content: bytes | None, says: str) -> None:
    file = tmp_path / "model.gguf"
    if content is not None:
        file.write_bytes(content)
    backend = LocalBackend(BackendSettings("mine", kind="local", model_file=str(file)), tmp_path / "meeting")
    for _ in range(2):
        with pytest.raises(RequestRejected, match=says):
            await anext(backend.stream(Prompt("a")))
    await backend.prefill(Prompt("a"))
    await backend.aclose()
    assert not (tmp_path / "meeting").exists()


async def test_a_child_that_always_crashes_is_left_alone(tmp_path: Path) -> None:
    file = model_file(tmp_path, "crashes")
    backend = LocalBackend(BackendSettings("mine", kind="local", model_file=file), tmp_path / "meeting")
    said = []
    for _ in range(4):
        with pytest.raises(ServerFault) as raised:
            await anext(backend.stream(Prompt("a")))
        said.append("ended 2 times" in str(raised.value))
    assert said == [False, False, True, True]
    await backend.aclose()
    with pytest.raises(BackendError, match="closed"):
        await anext(backend.stream(Prompt("a")))


class DiesAfterNews(FakeBackend):
    """Says that the connection is new, and is gone."""

    async def stream(self, prompt: Prompt) -> AsyncGenerator[Delta, None]:
        yield Delta(usage=Usage(connect_ms=1.0), tokens=0)
        raise BrokenStream("it closed the connection")


async def test_news_are_no_answer_yet_when_a_child_dies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = BackendSettings("mine", kind="local", model_file=model_file(tmp_path))
    backend = LocalBackend(settings, tmp_path / "meeting")
    children = [DiesAfterNews(settings), FakeBackend(settings)]

    async def ready() -> Backend:
        backend._asked = children.pop(0)
        return backend._asked

    async def gone() -> bool:
        return True

    monkeypatch.setattr(backend, "_ready", ready)
    monkeypatch.setattr(backend, "_gone", gone)
    texts = [delta.text async for delta in backend.stream(Prompt("a", max_tokens=1))]
    assert [bool(text) for text in texts] == [False, True, False]
    assert backend.fim == "suffix"  # the child's, of which the settings say nothing
    await backend.aclose()


def test_rests_double_and_are_forgotten() -> None:
    ends = local.Ends()
    now = 0.0
    rests = []
    for _ in range(8):
        ends.began(now)
        ends.happened(now, "")
        start = now
        while True:
            try:
                ends.check(now)
                break
            except ServerFault:
                now += 1
        rests.append(now - start)
    assert rests == [0, 2, 4, 8, 16, 32, 60, 60]
    ends.began(now)
    ends.happened(now + local.STEADY, "")
    ends.check(now + local.STEADY)


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="model_file"):
        LocalBackend(BackendSettings("mine", kind="local"))
    monkeypatch.setattr(local, "find_spec", lambda name: None if name == "xllamacpp" else find_spec(name))
    with pytest.raises(MissingExtra, match=r"spark-lsp\[local\]"):
        LocalBackend(BackendSettings("mine", kind="local", model_file="x.gguf"))


def test_the_plan_is_by_the_machine_unless_set(tmp_path: Path) -> None:
    file = model_file(tmp_path)
    usual = Plan.of(BackendSettings(kind="local", model_file=file))
    assert usual.threads == max(1, (os.cpu_count() or 2) - 1)
    assert usual.context_tokens in (4096, 8192)
    assert (usual.slots, usual.idle_seconds, usual.model) == (1, 900, "tiny")
    chosen = BackendSettings(
        kind="local", model_file=file, threads=3, context_tokens=512, slots=2, idle_minutes=0
    )
    assert Plan.of(chosen) == Plan(file, 3, 512, 2, 0)
    assert Plan.decode(Plan.of(chosen).encode()) == Plan.of(chosen)


async def test_what_a_repository_calls_asyncio_is_not_run(
    tmp_path: Path, make_meeting: Callable[[str], tuple[Plan, Meeting]], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "repository"
    repository.mkdir()
    (repository / "asyncio.py").write_text("raise SystemExit('somebody else runs here')")
    monkeypatch.chdir(repository)
    child = await Child.find_or_start(*make_meeting(""))
    assert child.alive
    await child.leave()
