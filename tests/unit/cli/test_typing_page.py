from __future__ import annotations

import copy
import io
import json
import random
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from spark_lsp.cli.reports import reading, svg
from spark_lsp.cli.typing import page, plots, tables
from tests.unit.cli.reports import Reader, anywhere, put, well_formed

EDGES = (1, 2, 5, 10, 20, 50, 100, 150, 200, 300, 400, 600, 1000, float("inf"))
HITS = ("typed_through", "cached", "speculative", "flight", "network")
MECHANISMS = ("cache", "shared flights", "debounce", "speculation", "reading on", "feedback")
WORLDS = (
    ("spark", 120, 0, 1000, 8),
    ("gpu", 350, 0, 90, 4),
    ("laptop", 400, 0, 40, 1),
    ("cerebras", 200, 0, 2000, 8),
    ("bad-network", 120, 300, 1000, 8),
)


def sample(profiles: int = 5, editors: tuple[str, ...] = ("vscode", "neovim")) -> dict[str, Any]:
    """A report of the shape that `bench typing --json` prints, with every part and figure in it."""
    chance = random.Random(4)
    shares = (0, 0.05, 0.15, 0.3)
    return {
        "seed": 1,
        "keys": 24_000,
        "machine": {"cores": 2, "python": "3.11.2"},
        "took_s": 512.3,
        "profiles": [profile(chance, *world, editors) for world in WORLDS[:profiles]],
        "curve": [
            {"wrong": share, "bound": 2600 - 5000 * share, "spark-lsp": 2200 - 5000 * share, "naive": 290.0}
            for share in shares
        ],
        "sizes": [{"lines": lines, "cpu_ms_per_key": {"p50": 0.81, "p95": 2}} for lines in (10_000, 100_000)],
        "faults": {"keys": 10_200, "faults": "reset,close", "contradictions": 0, "doubled": 0, "flicker": 0},
        "timeline": timeline(chance, "spark-lsp", 20_000),
        "timeline_naive": timeline(chance, "naive", 20_000),
        "findings": [],
    }


def profile(
    chance: random.Random, name: str, ttft: int, jitter: int, rate: int, slots: int, editors: tuple[str, ...]
) -> dict[str, Any]:
    tried = [("spark-lsp", 0.85), ("naive", 0.0)]
    runs = [figures(chance, policy, editor, ttft, soon) for editor in editors for policy, soon in tried]
    if name in ("spark", "gpu"):
        runs += [figures(chance, f"without {one}", "vscode", ttft, 0.5) for one in MECHANISMS]
    if name == "gpu":
        runs.append(figures(chance, "with predictor", "vscode", ttft, 0.9))
    return {
        "name": name,
        "ttft_ms": ttft,
        "jitter_ms": jitter,
        "tokens_per_s": rate,
        "slots": slots,
        "wrong": 0.15,
        "drops": 0.02 if jitter else 0.0,
        "bound_tokens_per_s": 240_000 / ttft,
        "runs": runs,
    }


def figures(chance: random.Random, policy: str, editor: str, ttft: float, soon: float) -> dict[str, Any]:
    weights = [soon * chance.random() if edge <= 20 else chance.random() * (edge >= ttft) for edge in EDGES]
    waits = {"p50": 0.6, "p95": ttft * 1.1, "p99": ttft * 1.4, "count": 120}
    return {
        "policy": policy,
        "editor": editor,
        "keys": 1040,
        "accepts": 96,
        "tokens_taken": 812,
        "waited_ms": 2104.2,
        "perceived_tokens_per_s": (25_000 + 175_000 * soon) / ttft * (0.9 + chance.random() / 5),
        "characters_saved": 0.62,
        "states": 1100,
        "answered_before_next_key": 0.94,
        "within_20ms": soon,
        "after_accept_within_20ms": soon,
        "time_to_suggestion_ms": {hit: dict(waits) for hit in ("all", *HITS)},
        "histogram": [[edge, weight / sum(weights)] for edge, weight in zip(EDGES, weights, strict=True)],
        "requests": 320,
        "requests_per_100_keys": 31.2 if soon else 97.0,
        "tokens_generated": 2010,
        "tokens_prefetched": 901,
        "generated_per_taken": 2.47,
        "wasted_per_taken": 1.47,
        "cpu_ms_per_key": {"p50": 0.82, "p95": 2.41},
        "peak_mb": 61.3,
        "contradictions": 0,
        "doubled": 0,
        "flicker": 0,
        "agreement": {"requests": 0.0, "hits": 0.1, "tokens": 0.4, "upstream": 1.2, "generated": 8.4},
    }


def timeline(chance: random.Random, policy: str, span: float) -> dict[str, Any]:
    now, events = 1000.0, []
    while now < 1000 + span:
        hit = chance.choice(HITS) if policy == "spark-lsp" else "network"
        wait = chance.uniform(90, 190) if hit in ("network", "flight") else chance.uniform(0.3, 2)
        events.append(event(now, "key", chance.choice("abc(\n")))
        if hit == "network":
            events += [event(now + 1, "request"), event(now + 121, "first_token")]
        events.append(event(now + wait, "shown", "return <x> & 'y'\n", wait, hit))
        now += chance.choice((57, 105, 152, 230, 496, 901))
        if chance.random() < 0.1:
            events.append(event(now, "accept", "return <x> & 'y'\n"))
            now += 300
    return {"policy": policy, "profile": "spark", "events": sorted(events, key=lambda each: float(each["t"]))}


def event(
    at: float, kind: str, text: str = "", wait: float | None = None, hit: str | None = None
) -> dict[str, Any]:
    return {"t": at, "kind": kind, "text": text, "wait": wait, "hit": hit}


def with_speeds(profile: dict[str, Any], bound: float, *speeds: float) -> None:
    """Give the runs of a profile, in their order, these perceived tokens/s."""
    profile["bound_tokens_per_s"] = bound
    for run, amount in zip(profile["runs"], speeds, strict=True):
        run["perceived_tokens_per_s"] = amount


def drawn(svg_text: str, name: str, **attributes: str) -> list[ElementTree.Element]:
    """The elements called `name` that have these attributes."""
    found = ElementTree.fromstring(svg_text).iter(f"{{http://www.w3.org/2000/svg}}{name}")
    return [each for each in found if all(each.get(key.rstrip("_")) == to for key, to in attributes.items())]


def plot_of(report: dict[str, Any], name: str) -> svg.Plot:
    return next(plot for plot in plots.plots(report) if plot.name == name)


def in_terminal(report: dict[str, Any]) -> str:
    console = Console(width=120, file=io.StringIO(), color_system=None)
    for table in tables.tables(report):
        console.print(table)
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue()


def every_form(report: dict[str, Any]) -> Reader:
    """Write it in all ways; what is not well formed fails here."""
    tables.markdown(report)
    in_terminal(report)
    return well_formed(page.page(report), plots.picture(report), *(plot.svg for plot in plots.plots(report)))


def test_a_page_needs_nothing_else_and_is_small() -> None:
    written = page.page(sample())
    found = Reader(written)
    assert not {"script", "link", "iframe", "img", "object"} & set(found.names)
    assert not {"src", "href", "xlink:href", "style"} & {name for name, _ in found.attributes}
    assert re.findall(r"url\(|@import|//", written.replace("http://www.w3.org/2000/svg", "")) == []
    assert len(written.encode()) < 400_000
    identities = [value for name, value in found.attributes if name == "id"]
    assert len(identities) == len(set(identities))


def test_the_same_report_gives_the_same_page_and_is_left_as_it_was() -> None:
    report, same = sample(), sample()
    assert page.page(report) == page.page(same)
    assert plots.picture(report) == plots.picture(same)
    assert report == same
    assert page.page(json.loads(json.dumps(report))) == page.page(same)


def test_each_plot_is_named_and_described_for_those_who_cannot_see_it() -> None:
    found = plots.plots(sample())
    assert [plot.name for plot in found] == [
        *("speed-vscode", "speed-neovim", "distribution", "timeline", "mechanisms", "wrong", "cost"),
    ]
    for plot in found:
        title, description, *_ = ElementTree.fromstring(plot.svg)
        assert (title.text, description.text) == (plot.title, plot.says)
        assert plot.says.endswith(".")


SMALL = sample(2, ("vscode",))
for each in ("timeline", "timeline_naive"):
    SMALL[each]["events"] = SMALL[each]["events"][:12]

HOSTILE = "</svg><script>x</script>&\"'\x00\x1b\ud800|[red]\n"
STRANGE: list[Any] = [None, 0, -1, 1e-300, 1e300, float("inf"), float("nan"), True, "", HOSTILE, [], {}]


@settings(max_examples=40)  # each writes the whole report in five ways
@given(
    st.lists(st.tuples(st.sampled_from(anywhere(SMALL)), st.sampled_from(STRANGE)), min_size=1, max_size=6)
)
def test_whatever_is_missing_or_strange_the_rest_is_shown(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    report = copy.deepcopy(SMALL)
    for path, value in changes:
        put(report, path, value)
    assert "script" not in every_form(report).names


def hostile(report: dict[str, Any]) -> None:
    for each in report["profiles"]:
        each["name"] = HOSTILE
        each["runs"].append({**each["runs"][0], "policy": f"without {HOSTILE}", "editor": HOSTILE})
    for each in report["timeline"]["events"]:
        each.update(text=HOSTILE, hit=HOSTILE)


def only(runs: slice) -> Callable[[dict[str, Any]], object]:
    return lambda report: [each.update(runs=each["runs"][runs]) for each in report["profiles"]]


@pytest.mark.parametrize(
    "change",
    [
        hostile,
        lambda report: report.clear(),
        lambda report: [report.pop(name) for name in ("curve", "sizes", "faults", "timeline")],
        lambda report: report.update(profiles=report["profiles"][:1]),
        only(slice(1)),
        only(slice(1, 2)),
        only(slice(0)),
        lambda report: [run.pop("histogram") for each in report["profiles"] for run in each["runs"]],
    ],
    ids=[
        "hostile",
        "nothing",
        "no extras",
        "one profile",
        "only ours",
        "only naive",
        "no runs",
        "no histogram",
    ],
)
def test_a_strange_report_or_one_of_fewer_parts(change: Callable[[dict[str, Any]], object]) -> None:
    report = sample()
    change(report)
    found = every_form(report)
    shown = "".join(found.words)
    assert "script" not in found.names
    assert not re.search(r"\b(None|nan|inf)\b", shown)


def test_names_are_shown_as_they_are() -> None:
    name = "<b>&amp;|[red]x"
    report = sample(1)
    report["profiles"][0]["name"] = name
    found = every_form(report)
    assert name in found.words
    assert "b" not in plots.picture(report).split("<b>")[1:]
    assert name in in_terminal(report)
    assert name.replace("|", "\\|") in tables.markdown(report)


def test_what_the_headline_says_is_in_the_figures() -> None:
    report = sample(2, ("vscode",))
    spark, gpu = report["profiles"]
    with_speeds(spark, 1750, 1400, 280, *(100 for _ in MECHANISMS))
    with_speeds(gpu, 600, 300, 50, *(100 for _ in MECHANISMS), 400)
    plot = plot_of(report, "speed-vscode")
    assert plot.says == (
        "On spark what is taken arrives at 1,400 perceived tokens/s, 5.0× what naive gets, 80% of the bound "
        "of any policy. The gain is largest on gpu (6.0×), smallest on spark (5.0×)."
    )
    widths = [
        float(bar.get("width", 0))
        for colour in ("ours", "naive")
        for bar in drawn(plot.svg, "rect", height="20", fill=f"var(--{colour})")
    ]
    assert [round(width / widths[0], 2) for width in widths] == [1, 0.21, 0.2, 0.04]


def test_speeds_far_apart_are_drawn_by_powers_of_ten() -> None:
    report = sample(2, ("vscode",))
    report["profiles"][1]["runs"][1]["perceived_tokens_per_s"] = 2.0
    assert "log scale" in plot_of(report, "speed-vscode").svg
    assert "log scale" not in plot_of(sample(2, ("vscode",)), "speed-vscode").svg


def test_two_editors_share_a_scale() -> None:
    report = sample(1)
    for run, amount in zip(report["profiles"][0]["runs"], (600, 300, 6000, 300), strict=False):
        run["perceived_tokens_per_s"] = amount
    widths = [
        float(bar.get("width", 0))
        for editor in ("vscode", "neovim")
        for bar in drawn(plot_of(report, f"speed-{editor}").svg, "rect", height="20")
        if bar.get("class") is None
    ]
    assert [round(width / widths[1], 1) for width in widths] == [2, 1, 20, 1]


def test_the_distribution_adds_up_from_the_left() -> None:
    report = sample(1, ("vscode",))
    ours, naive, *_ = report["profiles"][0]["runs"]
    ours["histogram"] = [[1, 0.5], [20, 0.25], [1000, 0.125], [float("inf"), 0.125]]
    naive["histogram"] = [[20, 0.0], [150, 0.75], [None, 0.25]]
    plot = plot_of(report, "distribution")
    assert plot.says == (
        "Suggestions that are there within 20 ms, as if at once: spark 75% (naive 0%). "
        "On spark half of all come within 0.60 ms (naive 0.60), 95% within 132 ms (naive 132)."
    )
    assert [float(dot.get("cy", 0)) for dot in drawn(plot.svg, "circle")] == [116, 74, 53, 32, *(200, 74, 32)]


def test_mechanisms_stand_in_the_order_of_their_worth() -> None:
    report = sample(1, ("vscode",))
    with_speeds(report["profiles"][0], 1200, 1000, 200, 700, 300, 900, 400, 1010, 800)
    plot = plot_of(report, "mechanisms")
    names = [each.text for each in drawn(plot.svg, "text") if each.get("text-anchor") == "end"]
    assert names == [
        *("naive", "without shared flights", "without speculation", "without cache", "without feedback"),
        *("without debounce", "spark-lsp", "without reading on"),
    ]
    assert plot.says == (
        "On spark (1,000 tokens/s) most is lost without shared flights (−70%), "
        "least without reading on (+1%)."
    )


def test_to_take_nothing_is_the_worst_that_can_happen() -> None:
    report = sample(1, ("vscode",))
    with_speeds(report["profiles"][0], 1200, 1000, 200, *(700 for _ in MECHANISMS))
    for run in report["profiles"][0]["runs"][1:3]:
        run.update(tokens_taken=0, perceived_tokens_per_s=None)
    assert "most is lost without cache (−100%)" in plot_of(report, "mechanisms").says
    assert "naive 0; 83% of the bound" in plot_of(report, "speed-vscode").svg


def test_the_timeline_has_each_event_and_waits_by_their_height() -> None:
    events = [
        {"t": 500, "kind": "key", "text": "a"},
        {"t": 501, "kind": "shown", "text": "bc", "wait": 1.0, "hit": "cached"},
        {"t": 700, "kind": "key", "text": "<"},
        {"t": 700, "kind": "request"},
        {"t": 820, "kind": "first_token"},
        {"t": 850, "kind": "shown", "text": "bc", "wait": 150.0, "hit": "network"},
        {"t": 1500, "kind": "accept", "text": "bc", "wait": 150.0, "hit": "network"},
        {"t": 30_501, "kind": "key", "text": "too late"},
    ]
    report = {"timeline": {"policy": "spark-lsp", "profile": "spark", "events": events}}
    plot = plot_of(report, "timeline")
    assert [key.get("x1") for key in drawn(plot.svg, "line", class_="key")] == ["62", "239.2"]
    assert len(drawn(plot.svg, "path", class_="accept")) == 1
    assert len(drawn(plot.svg, "circle", class_="token")) == 1
    waits = {hit: drawn(plot.svg, "rect", fill=f"var(--{hit})")[-1:] for hit in ("cached", "network")}
    heights = {hit: float(bar.get("height", 0)) for hit, (bar,) in waits.items()}
    assert heights["network"] > 10 * heights["cached"] > 0
    assert plot.says == (
        "spark-lsp: a median wait of 75.5 ms, 2 characters taken in 1 accept, 1 request upstream."
    )


def test_what_was_shown_wrongly_is_counted_apart_from_naive() -> None:
    report = sample(2, ("vscode",))
    ours, naive, *_ = report["profiles"][1]["runs"]
    naive["flicker"], report["profiles"][0]["runs"][1]["flicker"] = 7, 2
    assert "10,200 of them with faults switched on, nothing was shown wrongly." in page.page(report)
    assert "spark-lsp 0, naive 9, with faults 0" in page.page(report)
    report["profiles"][1]["runs"][2]["flicker"] = 3
    assert "spark-lsp 0, without cache 3, naive 9, with faults 0" in page.page(report)
    ours["doubled"], report["faults"]["doubled"] = 2, 1
    report["findings"] = [{"kind": "doubled", "text": "))<i>"}]
    found = every_form(report)
    assert any("6 shown wrongly" in words for words in found.words)
    assert any("))<i>" in words for words in found.words)
    report["ours"] = {"keys": 30_000, "contradictions": 0, "doubled": 5, "flicker": 0}
    assert (
        "In 30,000 keys of all policies but naive, 10,200 of them with faults switched on, 5 shown wrongly."
        in page.page(report)
    )


def test_tables_fit_a_terminal() -> None:
    report = sample()
    report["faults"]["faults"] = ",".join(["reset@0.02:mid", "close@0.02:headers", "status503@0.02"] * 4)
    shown = in_terminal(report)
    assert max(map(len, shown.splitlines())) <= 120
    assert "…" not in shown
    assert "reset@0.02:mid," in shown
    headings = {word for grid in tables.grids(report) for name in grid.columns for word in name.split()}
    assert headings | {"8.40%"} <= set(shown.split())
    assert all(f"without {one} " in shown for one in MECHANISMS)


@given(
    low=st.floats(1e-3, 1e6),
    share=st.floats(1.01, 1e4),
    log=st.booleans(),
    values=st.lists(st.floats(0, 1e9), min_size=2, max_size=5),
)
def test_a_scale_keeps_order_and_stays_in_its_place(
    low: float, share: float, log: bool, values: list[float]
) -> None:
    scale = svg.Scale(low, low * share, 10, 500, log)
    places = [scale(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(10 - 1e-6 <= place <= 500 + 1e-6 for place in places)
    assert all(low * (1 - 1e-6) <= tick <= low * share * (1 + 1e-6) for tick in scale.ticks())


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        *(
            (None, "–"),
            (0, "0"),
            (0.0, "0"),
            (0.0042, "0.0042"),
            (0.815, "0.81"),
            (9.956, "9.96"),
            (12.34, "12.3"),
        ),
        *((12.0, "12"), (1365.4, "1,365"), (24_000, "24,000"), (float("inf"), "∞"), (-0.5, "-0.50")),
    ],
)
def test_numbers_have_the_digits_that_mean_something(amount: float | None, written: str) -> None:
    assert reading.number(amount) == written


def luminance(colour: str) -> float:
    """As WCAG defines it, of a colour like #0072b2."""
    shares = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("dark", [False, True])
def test_colours_stand_out_from_the_paper(dark: bool) -> None:
    light, _, night = svg.STYLE.partition("@media")
    colours = dict(re.findall(r"--(\w+): (#\w{6})", night if dark else light))
    assert len(colours) == 15
    for name in colours.keys() - {"paper", "panel", "line"}:
        words = name in ("ink", "soft")
        for ground in ("paper", "panel") if words else ("paper",):
            low, high = sorted((luminance(colours[name]), luminance(colours[ground])))
            assert (high + 0.05) / (low + 0.05) >= (4.5 if words else 3), f"{name} on {ground}"
