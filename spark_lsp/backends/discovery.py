"""Backends that are found without settings: by the keys in the environment, and by who answers nearby."""

from __future__ import annotations

import asyncio
import http.client
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from typing import NamedTuple
from urllib.parse import urlsplit

from spark_lsp.backends.http_backend import address
from spark_lsp.backends.trust import is_loopback
from spark_lsp.config import BackendSettings
from spark_lsp.config.presets import PRESETS, Preset

PATIENCE = 0.25
"""Seconds for all of it. A server on this machine that is up answers in a few milliseconds."""

READ = 65_536  # bytes of an answer in which a sign is looked for


class Found(NamedTuple):
    """The settings of a backend, and how it was found, in words."""

    settings: BackendSettings
    how: str


class _Place(NamedTuple):
    """Where a server on this machine may listen, and what it may be: presets by name."""

    url: str
    candidates: Mapping[str, Preset]


async def discover(
    environ: Mapping[str, str], presets: Mapping[str, Preset] = PRESETS, patience: float = PATIENCE
) -> tuple[Found, ...]:
    """What is there, in the order of the presets. Spends no tokens, sends no key, raises nothing.

    `patience` is in seconds: a place that says nothing for so long has nothing.
    """
    servers = await _servers(environ, presets, patience)
    found = []
    for name, preset in presets.items():
        settings = BackendSettings(name=name, preset=name, **preset.settings)
        if name in servers:
            here = replace(settings, base_url=servers[name], base_url_env="")
            found.append(Found(here, f"answers at {_root(servers[name])}"))
        elif not preset.ports and environ.get(settings.api_key_env, "").strip():
            found.append(Found(settings, f"${settings.api_key_env} is set"))
    return tuple(found)


async def _servers(
    environ: Mapping[str, str], presets: Mapping[str, Preset], patience: float
) -> dict[str, str]:
    """The base URLs of the servers that answer, by preset."""
    urls: dict[str, dict[str, str]] = {}
    for name, preset in presets.items():
        for url in _usual_urls(name, preset, environ):
            urls.setdefault(_root(url), {}).setdefault(name, url)
    places = [_Place(root, {name: presets[name] for name in names}) for root, names in urls.items()]
    # Threads of their own: the loop's few may be busy reading the workspace.
    with_threads = ThreadPoolExecutor(max(len(places), 1), thread_name_prefix="discovery")
    try:
        loop = asyncio.get_running_loop()
        asked = {loop.run_in_executor(with_threads, _identify, place, patience): place for place in places}
        done, _ = await asyncio.wait(asked, timeout=patience) if asked else (set(), None)
    finally:
        with_threads.shutdown(wait=False, cancel_futures=True)
    servers: dict[str, str] = {}
    for future, place in asked.items():
        if future in done and (name := future.result()):
            servers.setdefault(name, urls[place.url][name])
    return servers


def _usual_urls(name: str, preset: Preset, environ: Mapping[str, str]) -> list[str]:
    """Where this preset's servers listen. An address in the environment counts instead, on this machine only:
    asking another one costs more time than there is."""
    if not preset.ports:
        return []
    settings = BackendSettings(name=name, **preset.settings)
    if settings.base_url_env and environ.get(settings.base_url_env, "").strip():
        url = address(settings, environ)
        try:
            return [url] if is_loopback(urlsplit(url).hostname or "") else []
        except ValueError:
            return []  # "http://[::1": no address at all
    usual = urlsplit(settings.base_url)
    return [f"{usual.scheme}://{usual.hostname}:{port}{usual.path}" for port in preset.ports]


def _root(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _identify(place: _Place, patience: float) -> str:
    """The preset whose sign the server there shows, "" for none."""
    parts = urlsplit(place.url)
    for name, preset in place.candidates.items():
        path, text = preset.sign
        try:
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=patience)
            with closing(connection):
                connection.request("GET", path)
                if text.encode() in _read(connection.getresponse(), patience):
                    return name
        except (ConnectionRefusedError, TimeoutError):
            return ""
        except (OSError, ValueError, http.client.HTTPException):
            continue
    return ""


def _read(answer: http.client.HTTPResponse, patience: float) -> bytes:
    """What comes in time. Some development server streams without end, whatever it is asked: this thread
    would outlive everybody who waits for it, and the end of the program waits for threads."""
    due = time.monotonic() + patience
    body = b""
    while len(body) < READ and time.monotonic() < due and (more := answer.read1(READ)):
        body += more
    return body
