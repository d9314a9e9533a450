"""The presets: whole, told apart, and as docs/backends.md says."""

from __future__ import annotations

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from spark_lsp.backends.registry import KINDS
from spark_lsp.completion.prompt import TEMPLATES
from spark_lsp.config import BackendSettings, parse
from spark_lsp.config.backend import from_preset
from spark_lsp.config.presets import PRESETS, Preset

PAGE = (Path(__file__).parents[3] / "docs" / "backends.md").read_text("utf-8")
SNIPPETS = re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)
FIM_STYLES = {"", "chat", *TEMPLATES}

PROMISED = {
    *("openai-spark", "openai", "cerebras", "groq", "sambanova", "nvidia", "mistral", "codestral"),
    *("deepseek", "inception", "anthropic", "openrouter", "ollama", "llamacpp", "vllm", "sglang"),
    *("lmstudio", "tgi", "tabby", "litellm"),
}


def check(name: str) -> BackendSettings:
    """The backend that a table of no more than the preset's name makes."""
    config, problems = parse({"backend": [{"preset": name}]})
    assert problems == ()
    (backend,) = config.backends
    assert backend.fim in FIM_STYLES
    return backend


def written(name: str, preset: Preset) -> str:
    """The preset's row in the page."""
    backend = check(name)
    key = f"`{backend.api_key_env}`" if backend.api_key_env else "none"
    found = " or ".join(map(str, preset.ports)) if preset.ports else "by its key"
    metered = "yes" if backend.metered else "no"
    return f"| `{name}` | `{backend.kind}` | {key} | {found} | {', '.join(backend.lanes)} | {metered} |"


def test_all_are_there() -> None:
    assert set(PRESETS) == PROMISED


@pytest.mark.parametrize("name", PRESETS)
def test_the_settings_are_taken_as_they_are(name: str) -> None:
    backend = check(name)
    assert backend == from_preset(name)
    # What the parser would drop or put right is not in the data: the same values, given as a table.
    table = {key: getattr(backend, key) for key in PRESETS[name].settings}
    config, problems = parse({"backend": [{"name": name, **table}]})
    assert problems == ()
    assert {key: getattr(config.backends[0], key) for key in table} == dict(PRESETS[name].settings)


@pytest.mark.parametrize("name", PRESETS)
def test_each_can_be_found_and_asked(name: str) -> None:
    preset, backend = PRESETS[name], check(name)
    assert backend.kind in KINDS
    assert backend.lanes
    assert preset.title
    assert preset.limits
    url = urlsplit(backend.base_url)
    if preset.ports:
        assert (url.scheme, url.hostname) == ("http", "127.0.0.1")
        assert url.port == preset.ports[0]
        assert preset.sign[0].startswith("/")
        assert preset.sign[1]
    else:
        # A key goes to the vendor, encrypted, and to nobody else.
        assert url.scheme == "https"
        assert backend.api_key_env
        assert preset.sign == ("", "")


@pytest.mark.parametrize("name", PRESETS)
def test_what_is_asked_on_trust(name: str) -> None:
    """A vendor that lists no models is asked by a name; a server of one's own is never guessed at."""
    models = check(name).models
    assert len(set(models)) == len(models)
    if PRESETS[name].ports:
        assert models[-1] == "*"
        assert all("*" in model for model in models)
    else:
        assert "*" not in models
        assert any("*" not in model for model in models)


def test_no_two_show_the_same_sign_on_one_port() -> None:
    signs = [(port, preset.sign) for preset in PRESETS.values() for port in preset.ports]
    assert len(set(signs)) == len(signs)


def test_the_order_of_asking() -> None:
    """For what is wanted at once: vendors that sell speed, servers of one's own, the other vendors."""
    local = [bool(preset.ports) for name, preset in PRESETS.items() if "instant" in check(name).lanes]
    changes = sum(before != after for before, after in pairwise(local))
    assert (local[0], local[-1], changes) == (False, False, 2)
    slow = [name for name in PRESETS if "instant" not in check(name).lanes]
    assert list(PRESETS)[-len(slow) :] == slow


@pytest.mark.parametrize("name", PRESETS)
def test_the_page_has_it(name: str) -> None:
    assert written(name, PRESETS[name]) in PAGE.splitlines()
    assert any(f'preset = "{name}"' in snippet for snippet in SNIPPETS)


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_what_the_page_shows_works_as_pasted(snippet: str) -> None:
    tree = tomllib.loads(snippet)
    config, problems = parse(tree)
    assert problems == ()
    assert len(config.backends) == len(tree.get("backend", ()))
    assert config.backends or "routing" in tree
    assert {backend.fim for backend in config.backends} <= FIM_STYLES
