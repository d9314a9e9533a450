"""What `check` says of a backend, and what it spends to find out."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from spark_lsp.backends.fake_http import FakeServer
from spark_lsp.backends.http_backend import HttpBackend
from spark_lsp.backends.recording import keep
from spark_lsp.backends.script import Script, parse_faults
from spark_lsp.config import BackendSettings
from spark_lsp.engine import checkup
from spark_lsp.engine.checkup import TOKENS, Checkup, check, probe
from spark_lsp.errors import UsageError
from tests.unit.backends.strict import StrictServer, refuse
from tests.unit.backends.strict import backend as made

KIND = "openai-completions"
LISTING = {"/models": {"data": [{"id": "m"}]}}


class RefusesAll(StrictServer):
    """Whatever the method and the path are."""

    def __init__(self, status: int) -> None:
        super().__init__(b"")
        self._status = status

    async def answer(self, request: web.Request) -> web.Response:
        return refuse(self._status, {"error": {"message": "said no"}})


def settings(url: str, **others: Any) -> BackendSettings:
    plain = {"name": "checked", "kind": KIND, "base_url": url, "fim": "suffix"}
    return BackendSettings(**{**plain, **others})


def expect(found: Checkup, state: str, problem: str = "", advice: str = "") -> None:
    assert found.state == state, found
    assert found.usable == (state in ("ok", "not measured"))
    assert problem in found.problem
    assert bool(found.problem) == (state not in ("ok", "not measured"))
    assert advice in found.advice
    assert (found.speed is not None) == (state == "ok")


async def test_a_server_that_is_well_is_measured() -> None:
    async with FakeServer(script=Script()) as server:
        found = await check(settings(server.url), "by hand", spend=True)
        expect(found, "ok")
        assert (found.found, found.model, found.models, found.recorded) == ("by hand", "fake", ("fake",), "")
        assert found.speed is not None
        assert found.speed.tokens == TOKENS
        assert found.speed.ttft_ms > 0
        assert server.stats.completed == server.stats.requests == 1
        assert server.stats.tokens == TOKENS


@pytest.mark.parametrize("model", ["", "fake"])
async def test_nothing_is_spent_without_leave(model: str) -> None:
    async with FakeServer(script=Script()) as server:
        found = await check(settings(server.url, metered=True, model=model), "", spend=False)
        expect(found, "not measured", advice="--yes")
        assert found.model == "fake"
        assert server.stats.requests == 0


@pytest.mark.parametrize("spend", [False, True])
@pytest.mark.parametrize(
    ("status", "state", "problem"),
    [(401, "unauthorized", "said no"), (402, "unauthorized", "said no"), (500, "fault", "said no")],
)
async def test_refused(status: int, state: str, problem: str, spend: bool) -> None:
    async with RefusesAll(status).listen() as url:
        found = await check(settings(url, model="m"), "", spend=spend)
    expect(found, state, problem)


async def test_nobody_listens(unused_tcp_port: int) -> None:
    found = await check(settings(f"http://127.0.0.1:{unused_tcp_port}/v1"), "", spend=True)
    expect(found, "unreachable", "nothing answers", "start the server")


@pytest.mark.parametrize("spend", [False, True])
@pytest.mark.parametrize(
    ("listed", "advice"),
    [({"data": [{"id": "m"}, {"id": "n"}]}, "set `model` to one of: m, n"), ({"data": []}, "load a model")],
)
async def test_no_model(listed: Mapping[str, Any], advice: str, spend: bool) -> None:
    no_such = refuse(404, {"error": {"message": "no", "code": "model_not_found"}})
    server = StrictServer(b"", listing={"/models": listed}, complain=lambda body: no_such)
    async with server.listen() as url:
        found = await check(settings(url, models=("x",)), "", spend=spend)
    expect(found, "no model", advice=advice)
    assert len(server.bodies) == (spend and not listed["data"]), "asked in spite of what is listed"


async def test_a_model_that_is_listed_and_not_served() -> None:
    def complain(body: Mapping[str, Any]) -> web.Response | None:
        return refuse(404, {"error": {"message": f"no {body['model']}", "code": "model_not_found"}})

    server = StrictServer(b"", listing={"/models": {"data": [{"id": "m"}, {"id": "n"}]}}, complain=complain)
    async with server.listen() as url:
        expect(await check(settings(url), "", spend=True), "no model", "no n", "m, n")
    assert [body["model"] for body in server.bodies] == ["m", "n"]


@pytest.mark.parametrize(
    ("stream", "problem"),
    [
        (b'data: {"choices":[{"text":"","finish_reason":"stop"}]}\n\n', "without a text"),
        (b'data: {"choices":[{"text":"one","finish_reason":null}]}\n\n', "ended before"),
        (b"data: {\n\n", "expected JSON"),
    ],
)
async def test_an_answer_that_is_none(stream: bytes, problem: str) -> None:
    server = StrictServer(stream, listing=LISTING)
    async with server.listen() as url:
        expect(await check(settings(url), "", spend=True), "fault", problem)


async def test_a_server_that_lists_nothing_may_complete() -> None:
    server = StrictServer(b'data: {"choices":[{"text":"one","finish_reason":"stop"}]}\n\n')
    async with server.listen() as url:
        expect(await check(settings(url, model="m"), "", spend=True), "ok")
        expect(await check(settings(url, model="m"), "", spend=False), "fault", "404")


@pytest.mark.parametrize("wrong", [{"base_url": "nonsense"}, {"kind": "nonsense"}, {"kind": "local"}])
async def test_settings_that_describe_no_backend(wrong: Mapping[str, str]) -> None:
    expect(await check(settings("http://127.0.0.1:1", **wrong), "", spend=True), "fault", advice="settings")


async def test_a_server_that_stalls_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "PATIENCE", 0.2)
    async with FakeServer(script=Script(faults=parse_faults("stall:headers"))) as server:
        expect(await check(settings(server.url), "", spend=True), "fault", "not done in", "busy")
        for _ in range(100):
            if not server.stats.open:
                break
            await asyncio.sleep(0.02)
        assert server.stats.cancelled == 1, "the request was left running"


async def test_an_answer_is_recorded(tmp_path: Path) -> None:
    def record(backend: HttpBackend, kind: str, body: bytes) -> Path:
        return keep(tmp_path, backend, kind, body)

    async with FakeServer(script=Script()) as server:
        found = await check(settings(server.url), "", spend=True, record=record)
        assert found.recorded == str(tmp_path / KIND / "checked-fake.sse")
        assert b"[DONE]" in await asyncio.to_thread((tmp_path / KIND / "checked-fake.sse").read_bytes)
        (tmp_path / "file").write_text("")
        tmp_path /= "file"
        with pytest.raises(UsageError, match="cannot be recorded"):
            await check(settings(server.url), "", spend=True, record=record)


async def test_the_probe_is_one_that_any_model_goes_on_with() -> None:
    async with made(KIND, "http://127.0.0.1:1", model="m", fim="suffix") as backend:
        prompt = probe(backend, 7)
    assert prompt.max_tokens == 7
    assert prompt.prefix.endswith('"two",\n    ')
    assert prompt.suffix.strip() == "]"
    assert prompt.rendered is None
