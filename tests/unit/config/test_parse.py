"""What becomes of a tree of settings: values, wrong values, and what a workspace file may not do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.config import BackendSettings, Config, parse, refine
from spark_lsp.config.settings import SECTIONS
from spark_lsp.config.sources import flatten
from spark_lsp.config.spec import specs

Tree = dict[str, Any]

keys = st.sampled_from(
    [*SECTIONS, "backend", "name", "kind", "preset", *specs(BackendSettings)]
    + [key for section in SECTIONS.values() for key in specs(section)]
) | st.text(max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["auto", "fake", "openai-completions", 10**4000, "\ud800", "x\ny"])
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=20,
)
trees = st.dictionaries(keys, values, max_size=4) | values
section_trees = st.fixed_dictionaries(
    {},
    optional={
        name: st.dictionaries(st.sampled_from(list(specs(section))), values, max_size=4)
        for name, section in SECTIONS.items()
    },
)


def check(tree: object, expected: Mapping[str, object], problems: tuple[str, ...] = ()) -> None:
    """The settings beyond the defaults, and the beginning of what is said of each problem."""
    config, found = parse(tree)
    beyond = {path: value for path, value in flatten(config).items() if value != flatten(Config()).get(path)}
    assert beyond == dict(expected)
    said = [str(problem) for problem in found]
    assert len(said) == len(problems), said
    for message, start in zip(said, problems, strict=True):
        assert message.startswith(start)


CASES: dict[str, tuple[object, dict[str, object], tuple[str, ...]]] = {
    "nothing": ({}, {}, ()),
    "a value": ({"inline": {"max_tokens": 64}}, {"inline.max_tokens": 64}, ()),
    "a whole number as JavaScript and Lua may write it": (
        {"inline": {"deadline_ms": 250.0}},
        {"inline.deadline_ms": 250},
        (),
    ),
    "a word or a number": ({"inline": {"debounce_ms": 30}}, {"inline.debounce_ms": 30}, ()),
    "null is not set": ({"inline": None, "cache": {"persist": None}, "backend": None}, {}, ()),
    "wrong type": (
        {"inline": {"max_tokens": "lots", "multiline": "never"}},
        {"inline.multiline": "never"},
        ('inline.max_tokens: must be a whole number from 1 to 8192, not "lots"; 256 is used',),
    ),
    "true is not a number": (
        {"inline": {"max_tokens": True}},
        {},
        ("inline.max_tokens: must be a whole number from 1 to 8192, not true",),
    ),
    "out of range": (
        {"workspace": {"threshold": 1.5}},
        {},
        ("workspace.threshold: must be a number from 0 to 1, not 1.5; 0.4 is used",),
    ),
    "a number that Python does not print": (
        {"inline": {"max_tokens": 10**5000}},
        {},
        ("inline.max_tokens: must be a whole number from 1 to 8192, not a number of that size",),
    ),
    "not one of": (
        {"routing": {"strategy": "cheapest"}},
        {},
        ('routing.strategy: must be one of "fastest", "ordered", not "cheapest"',),
    ),
    "unknown key, with the nearest": (
        {"inline": {"max_token": 1}, "inlin": {}},
        {},
        ("inline.max_token: is unknown (is max_tokens meant?)", "inlin: is unknown (is inline meant?)"),
    ),
    "a section that is not a table": ({"cache": 7}, {}, ("cache: must be a table of settings, not 7",)),
    "not a tree": ([1], {}, ("must be a table of settings, not a list",)),
    "what stands beside the settings": (
        {"$schema": "x", "streaming": True, "editorInfo": {"name": "x"}},
        {},
        (),
    ),
    "a table is laid over the default": (
        {"inline": {"languages": {"python": False, "yaml": "no"}}},
        {"inline.languages": {"markdown": False, "python": False}},
        ('inline.languages.yaml: must be true or false, not "no"; it is ignored',),
    ),
    "a list": (
        {"actions": {"verify": ["mypy", "mypy"]}, "privacy": {"ignore_files": ["a/b"]}},
        {"actions.verify": ("mypy",)},
        ("privacy.ignore_files: must be a list of file names, without folders, not a list; [",),
    ),
    "a backend": (
        {"backend": [{"name": "x", "kind": "openai-completions", "base_url": "http://[::1]:1/v1"}]},
        {
            "backend.x.name": "x",
            "backend.x.kind": "openai-completions",
            "backend.x.base_url": "http://[::1]:1/v1",
        },
        (),
    ),
    "a backend is named after its preset": (
        {"backend": [{"preset": "cerebras", "lanes": []}]},
        {
            "backend.cerebras.name": "cerebras",
            "backend.cerebras.preset": "cerebras",
            "backend.cerebras.lanes": (),
        },
        (),
    ),
    "a backend that is not whole": (
        {"backend": [{"name": "x", "model": "m"}, {"kind": "openai-completions"}, {}, 3]},
        {},
        (
            "backend[2]: needs a name",
            "backend[3]: must be a table",
            "backend.x: has neither a preset nor a kind",
            "backend.openai-completions: has no base_url",
        ),
    ),
    "two backends of one name": (
        {"backend": [{"kind": "fake", "ttft": 1}, {"kind": "fake", "ttft": 2}]},
        {"backend.fake.name": "fake", "backend.fake.kind": "fake", "backend.fake.ttft": 1.0},
        ("backend.fake: is named twice",),
    ),
    "whom to ask": (
        {
            "routing": {
                "lanes": {"instant": ["fake", "workspace"], "instnat": []},
                "languages": {"c": ["fakr", "fake"], "go": ["none"], "d": "fake"},
                "discover": False,
            },
            "backend": [{"kind": "fake"}, {"name": "half"}],
        },
        {
            "routing.lanes": {"instant": ("fake", "workspace")},
            "routing.languages": {"c": ("fake",), "go": ()},
            "routing.discover": False,
            "backend.fake.name": "fake",
            "backend.fake.kind": "fake",
        },
        (
            "routing.lanes.instnat: is not a name that can stand here; it is ignored",
            'routing.languages.d: must be a list of backends\' names, not "fake"; it is ignored',
            "backend.half: has neither",
            'routing.languages.c: names "fakr", which is no backend (is fake meant?); ["fake"] is used',
            'routing.languages.go: names "none", which is no backend; [] is used',
        ),
    ),
    "one that is left out is no misspelling": (
        {"routing": {"lanes": {"batch": ["half"]}}, "backend": [{"kind": "fake"}, {"name": "half"}]},
        {
            "routing.lanes": {"batch": ("half",)},
            "backend.fake.name": "fake",
            "backend.fake.kind": "fake",
        },
        ("backend.half: has neither",),
    ),
    "one that may be found by itself": (
        {"routing": {"lanes": {"batch": ["groq", "grok"]}}},
        {"routing.lanes": {"batch": ("groq",)}},
        ('routing.lanes.batch: names "grok", which is no backend (is groq meant?); ["groq"] is used',),
    ),
    "a ceiling below the floor": (
        {"routing": {"hedge_floor_ms": 300, "hedge_ceiling_ms": 200}},
        {"routing.hedge_floor_ms": 300, "routing.hedge_ceiling_ms": 300},
        ("routing.hedge_ceiling_ms: is less than hedge_floor_ms; 300 is used",),
    ),
    "what may be spent, and a price that is not known": (
        {
            "routing": {"spend_per_day": 5},
            "backend": [
                {"name": "a", "kind": "fake", "metered": True},
                {"name": "b", "kind": "fake", "metered": True, "price_prompt": 0.5},
                {"name": "c", "kind": "fake", "metered": True, "tokens_per_day": 1000},
                {"name": "d", "kind": "fake", "spend_per_day": 1},
                {"name": "e", "kind": "fake"},
            ],
        },
        {
            "routing.spend_per_day": 5.0,
            **{
                f"backend.{name}.{key}": value
                for name in "abcde"
                for key, value in (("name", name), ("kind", "fake"))
            },
            **{f"backend.{name}.metered": True for name in "abc"},
            "backend.b.price_prompt": 0.5,
            "backend.c.tokens_per_day": 1000,
            "backend.d.spend_per_day": 1.0,
        },
        ("backend.a: has neither price_prompt nor price_completion", "backend.d: has neither price_prompt"),
    ),
    "patterns": ({"privacy": {"deny": ["a", "!a", "a"]}}, {"privacy.deny": ("a", "!a", "a")}, ()),
    "patterns that cannot be understood deny all": (
        {"privacy": {"deny": "secret/"}},
        {"privacy.deny": ("*",)},
        ('privacy.deny: must be a list of patterns in the syntax of .gitignore, not "secret/"; ["*"] is',),
    ),
    "one of them": (
        {"privacy": {"deny": ["secret/", "a["]}},
        {"privacy.deny": ("*",)},
        ("privacy.deny: must be a list of patterns",),
    ),
    "a single backend table": ({"backend": {"kind": "fake"}}, {}, ("backend: must be a list of tables",)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_cases(case: tuple[object, dict[str, object], tuple[str, ...]]) -> None:
    check(*case)


KEY = "sk-0123456789"


@pytest.mark.parametrize(
    "table",
    [
        {"api_key": KEY},
        {"api_key_env": KEY},
        {"api_key_command": KEY},
        {"base_url": f"https://user:{KEY}@host/v1"},
        {"headers": {"Authorization": f"{KEY}\n"}},
        {"headers": KEY},
        {"lanes": [KEY]},
    ],
    ids=lambda table: next(iter(table)),
)
def test_a_key_in_the_wrong_place_is_refused_and_not_repeated(table: Tree) -> None:
    config, problems = parse({"backend": [{"kind": "fake", **table}]})
    assert problems
    assert KEY not in f"{problems}{config}"


def test_what_is_secret_is_not_in_a_repr() -> None:
    config, problems = parse(
        {"backend": [{"kind": "fake", "headers": {"X": KEY}, "api_key_command": ["echo", KEY]}]}
    )
    assert not problems
    assert config.backends[0].headers == {"X": KEY}
    assert KEY not in repr(config)


@given(trees)
def test_never_raises_and_every_problem_can_be_shown(tree: object) -> None:
    config, problems = parse(tree)
    assert isinstance(config, Config)
    for problem in problems:
        assert problem.message.isprintable()
        assert str(problem).encode()
        assert len(str(problem)) < 500


@given(section_trees)
def test_a_wrong_value_costs_that_setting_and_nothing_else(tree: Tree) -> None:
    config, _ = parse(tree)
    for name, table in tree.items():
        for key, value in table.items():
            alone, _ = parse({name: {key: value}})
            assert getattr(getattr(config, name), key) == getattr(getattr(alone, name), key)


@given(section_trees, section_trees)
def test_a_later_layer_wins_where_it_is_right(lower: Tree, upper: Tree) -> None:
    beneath, _ = refine(Config(), lower)
    config, problems = refine(beneath, upper)
    wrong = {problem.path for problem in problems}
    for name in SECTIONS:
        for key in specs(SECTIONS[name]):
            is_set = upper.get(name, {}).get(key) is not None and f"{name}.{key}" not in wrong
            if specs(SECTIONS[name])[key].rule.entry is None:  # tables are laid over each other
                refused = specs(SECTIONS[name])[key].instead is not None and f"{name}.{key}" in wrong
                source = parse(upper)[0] if is_set or refused else beneath
                assert getattr(getattr(config, name), key) == getattr(getattr(source, name), key)


@given(section_trees, trees)
def test_a_workspace_file_never_widens_what_is_sent(own: Tree, foreign: object) -> None:
    beneath, _ = refine(Config(), own)
    config, _ = refine(beneath, foreign, foreign=True)
    assert config.backends == beneath.backends
    assert config.actions.verify == beneath.actions.verify
    assert config.prefetch.enabled <= beneath.prefetch.enabled
    assert config.prefetch.metered <= beneath.prefetch.metered
    assert config.prefetch.tokens_per_minute <= beneath.prefetch.tokens_per_minute
    assert config.inline.enabled <= beneath.inline.enabled
    assert config.inline.debounce_ms == beneath.inline.debounce_ms
    assert config.cache.persist <= beneath.cache.persist
    assert config.routing.hedge <= beneath.routing.hedge
    assert config.privacy.redact_secrets >= beneath.privacy.redact_secrets
    assert set(config.privacy.ignore_files) >= set(beneath.privacy.ignore_files)
    assert config.privacy.deny[len(config.privacy.deny) - len(beneath.privacy.deny) :] == beneath.privacy.deny
    assert config.routing.remember <= beneath.routing.remember
    assert config.routing.explore_metered <= beneath.routing.explore_metered
    assert config.routing.spend_per_day == beneath.routing.spend_per_day
    assert (config.routing.lanes, config.routing.languages) == (
        beneath.routing.lanes,
        beneath.routing.languages,
    )
    for language, enabled in config.inline.languages.items():
        assert enabled <= beneath.inline.languages.get(language, True)


FOREIGN: dict[str, tuple[Tree, tuple[str, ...]]] = {
    "tastes": ({"inline": {"max_tokens": 32, "multiline": "never", "deadline_ms": 100}}, ()),
    "switching off": (
        {"inline": {"enabled": False, "languages": {"python": False}}, "prefetch": {"enabled": False}},
        (),
    ),
    "what is so already": (
        {"prefetch": {"metered": False}, "actions": {"verify": list(Config().actions.verify)}},
        (),
    ),
    "a language that you switched off": (
        {"inline": {"languages": {"markdown": True}}},
        ("inline.languages.markdown",),
    ),
    "a language that is on without being named": ({"inline": {"languages": {"python": True}}}, ()),
    "paying": ({"prefetch": {"metered": True}}, ("prefetch.metered",)),
    "writing to disk": ({"cache": {"persist": True}}, ("cache.persist",)),
    "a command": ({"actions": {"verify": ["./pwn"]}}, ("actions.verify",)),
    "sending secrets": (
        {"privacy": {"redact_secrets": False}},
        ("privacy.redact_secrets",),
    ),
    "what is kept back is added to": ({"privacy": {"deny": ["a"], "ignore_files": []}}, ()),
    "whom to ask": (
        {"routing": {"lanes": {"instant": ["fake"]}, "hedge_floor_ms": 0, "explore_metered": True}},
        ("routing.lanes.instant", "routing.hedge_floor_ms", "routing.explore_metered"),
    ),
    "a backend, and the rest counts": (
        {
            "backend": [{"kind": "openai-completions", "base_url": "https://evil"}],
            "inline": {"max_tokens": 1},
        },
        ("backend",),
    ),
}


@pytest.mark.parametrize("case", FOREIGN.values(), ids=FOREIGN)
def test_a_workspace_file_is_refused_what_is_the_users(case: tuple[Tree, tuple[str, ...]]) -> None:
    tree, refused = case
    config, problems = refine(Config(), tree, source=".spark-lsp.toml", foreign=True)
    assert tuple(problem.path for problem in problems) == refused
    assert all("it belongs in your own settings file" in problem.message for problem in problems)
    assert all(problem.source == ".spark-lsp.toml" for problem in problems)
    if "inline" in tree and not any(path.startswith("inline") for path in refused):
        assert config.inline != Config().inline


def test_what_a_workspace_file_keeps_back_is_added_and_the_users_word_is_the_last() -> None:
    own = {"privacy": {"deny": ["keys/", "!keys/public/"], "ignore_files": [".gitignore"]}}
    beneath, _ = refine(Config(), own)
    foreign = {"privacy": {"deny": ["!keys/", "lab/", "keys/"], "ignore_files": [".aiignore"]}}
    config, problems = refine(beneath, foreign, foreign=True)
    assert not problems
    assert config.privacy.deny == ("!keys/", "lab/", "keys/", "!keys/public/")
    assert config.privacy.ignore_files == (".aiignore", ".gitignore")
    config, (problem,) = refine(beneath, {"privacy": {"deny": "lab/"}}, foreign=True)
    assert (problem.path, config.privacy.deny) == ("privacy.deny", ("*", "keys/", "!keys/public/"))


def test_every_setting_is_described_and_its_default_is_one_it_takes() -> None:
    for section in (*SECTIONS.values(), BackendSettings):
        made = section()
        for item in fields(section):
            spec = item.metadata["spec"]
            assert spec.doc.endswith(".")
            default = getattr(made, item.name)
            if default != "":
                assert spec.rule.read(default) == default
