"""What somebody meets who has just installed it: no key, and then a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.oracle import Oracle
from spark_lsp.backends.script import Script, parse_faults
from tests.scenario.conftest import Sessions, served_by, until
from tests.scenario.test_commands import run
from tests.scenario.test_typing import DONE, LINE, START


@pytest.fixture
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    from spark_lsp.config.presets import PRESETS

    for preset in PRESETS.values():
        if "api_key_env" in preset.settings:
            monkeypatch.delenv(preset.settings["api_key_env"], raising=False)


@pytest.mark.usefixtures("no_key")
async def test_with_nothing_configured_the_workspace_answers_and_the_status_says_what_to_do(
    sessions: Sessions,
) -> None:
    (sessions.root / "old.py").write_text(DONE)
    async with sessions() as session:
        await session.learned()
        uri = session.open("new.py", "def total_price(items, discount):\n    subtotal = sum(item.\n")
        assert await session.ghost(uri, 1, 24) == "price * item.quantity for item in items)"
        [status] = session.statuses
        assert status == {
            "kind": "Normal",
            "message": "workspace only: set CEREBRAS_API_KEY or start a local model",
            "busy": False,
        }
        assert session.client.messages == []


async def test_with_a_wrong_key_there_is_one_message_with_the_fix(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "wrong")
    refusing = Script(faults=parse_faults("status401"))
    async with FakeServer(Oracle({"shop.py": DONE}), refusing) as server:
        settings = served_by(server)
        settings["backend"][0]["api_key_env"] = "A_KEY"
        async with sessions(settings) as session:
            uri = session.open("shop.py", START)
            for typed, key in enumerate("number"):
                await session.ghost(uri, LINE, 4 + typed)
                session.type(uri, LINE, 4 + typed, key)
            other = session.open("other.py", START)
            await session.ghost(other, LINE, 4)
            await until(lambda: session.statuses[-1]["kind"] == "Warning")
            [message] = session.client.messages
            assert message.message.endswith("check the key from $A_KEY")
            assert "check the key from $A_KEY" in session.statuses[-1]["message"]
    assert server.stats.requests == 1


@pytest.mark.usefixtures("no_key")
async def test_the_doctor_tells_a_newcomer_what_there_is_and_what_to_do(tmp_path: Path) -> None:
    status, out, err = await run("doctor", cwd=tmp_path)
    assert (status, err) == (1, "")
    assert "No model yet: the embedded predictor answers" in out
    keys, servers = (
        next(line for line in out.splitlines() if word in line) for word in ("a key", "a server")
    )
    assert "CEREBRAS_API_KEY" in keys
    assert "Ollama on 11434" in servers
