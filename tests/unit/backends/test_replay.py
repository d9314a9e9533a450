"""Kind `replay`: a recording is told by its own kind's reader, without a network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from spark_lsp.backends.registry import make
from spark_lsp.config import BackendSettings
from spark_lsp.errors import BrokenStream, UsageError
from spark_lsp.values import Prompt
from tests.unit.backends.strict import text_of

STREAMS = Path(__file__).parents[3] / "fixtures" / "streams"


def settings(recording: str | Path, **more: str) -> BackendSettings:
    return BackendSettings(name="replay", kind="replay", recording=str(recording), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("recording", "text"),
    [
        ("openai-completions/normal.sse", "return a + b"),
        ("ollama/normal.ndjson", "return a + b"),
        ("tabby/normal.json", "return a + b"),
        ("anthropic/thinking.sse", "x"),
        ("llamacpp/word.sse", " a + b"),
    ],
)
async def test_it_says_what_was_recorded_each_time(recording: str, text: str) -> None:
    asked = make(settings(STREAMS / recording))
    for _ in range(2):
        assert await text_of(asked, Prompt("anything")) == text
    assert asked.fim == "suffix"
    await asked.aclose()


async def test_an_error_in_it_is_raised_after_the_text() -> None:
    asked = make(settings(STREAMS / "ollama" / "ends-early.ndjson"))
    stream = asked.stream(Prompt("a"))
    assert (await anext(stream)).text == "pas"
    with pytest.raises(BrokenStream):
        await anext(stream)
    await asked.aclose()


async def test_it_needs_nothing_but_the_file() -> None:
    asked = make(settings(STREAMS / "ollama" / "normal.ndjson", model="m"))
    await asked.connect()
    await asked.prefill(Prompt("a"))
    assert await asked.models() == ("m",)
    await asked.aclose()


@pytest.mark.parametrize(
    ("place", "says"),
    [
        (lambda folder: "", "set `recording`"),
        (lambda folder: folder / "ollama" / "missing.ndjson", "no recording"),
        (lambda folder: folder / "ollama", "no recording"),
        (lambda folder: folder / "ollama" / "there.txt", "those end in"),
        (lambda folder: folder / "unheard-of" / "there.sse", "'unheard-of' is no kind"),
        (lambda folder: folder / "replay" / "there.sse", "'replay' is no kind"),
        (lambda folder: folder / "local" / "there.sse", "'local' is no kind"),
        (lambda folder: folder / "fake" / "there.sse", "'fake' is no kind"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path: Path, place: Callable[[Path], object], says: str) -> None:
    for folder in ("ollama", "unheard-of", "replay", "local", "fake"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "there.sse").write_bytes(b"")
    (tmp_path / "ollama" / "there.txt").write_bytes(b"")
    with pytest.raises(UsageError, match=says):
        make(settings(str(place(tmp_path))))
