"""Drawing in SVG: elements, words, scales and axes. Everything is a string, and all text is escaped here."""

from __future__ import annotations

import html
import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

STYLE = """
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1b1f24; --soft: #57606a; --line: #d0d7de;
  --panel: #f3f5f8; --ours: #0072b2; --naive: #d55e00; --bound: #6e7781; --without: #5b93bf;
  --typed_through: #0072b2;
  --cached: #3f98d6; --speculative: #00875f; --flight: #b3508b; --network: #d55e00; --workspace: #946600 }
@media (prefers-color-scheme: dark) { :root { --paper: #0d1117; --ink: #e6edf3; --soft: #9da7b3;
  --line: #343b44; --panel: #1a2029; --ours: #56b4e9; --naive: #f08a4b; --bound: #9da7b3; --without: #3a78a8;
  --typed_through: #56b4e9; --cached: #b5dcf7; --speculative: #2fc79a; --flight: #e29ac3;
  --network: #f08a4b; --workspace: #e6c700 } }
svg text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: var(--ink);
  paint-order: stroke; stroke: var(--paper); stroke-width: 3px; stroke-linejoin: round }
svg .small { font-size: 11.5px; fill: var(--soft) }
svg .strong { font-weight: 600 }
svg .heading { font-size: 17px; font-weight: 600 }
svg .grid { stroke: var(--line); stroke-width: 1 }
svg .axis { stroke: var(--soft); stroke-width: 1 }
svg .mark { stroke: var(--soft); stroke-width: 1.5; stroke-dasharray: 4 3; fill: none }
svg .paper { fill: var(--paper) }
svg .room { fill: var(--panel); stroke: var(--bound); stroke-dasharray: 4 3 }
svg .key { stroke: var(--soft); stroke-width: 1 }
svg .token { fill: var(--soft) }
svg .accept { fill: var(--ink); stroke: var(--paper); stroke-width: 1 }
"""
"""What the classes and colours here mean, for a page or for a picture that stands alone.

The colours are those of Okabe and Ito, which people who see fewer colours can tell apart, made darker or
lighter until each has a contrast of 3 to its paper; that of words is 4.5 at least.
"""

WIDTH = 960
"""Of every plot, in pixels of its own."""

NAMES = 178
"""Pixels at the left of a plot for what its rows are about."""

UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def escape(words: object) -> str:
    """Safe in an element and in an attribute, of HTML and of XML, which cannot say some characters at all."""
    return html.escape(UNPRINTABLE.sub("\ufffd", str(words)))


def tag(name: str, /, *children: str, **attributes: object) -> str:
    """One element around markup. `class_` is class, `stroke_width` stroke-width; None is left out."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{''.join(children)}</{name}>" if children else f"<{name}{written}/>"


def _short(value: object) -> object:
    return f"{value:.1f}".removesuffix(".0") if isinstance(value, float) else value


def hover(words: str) -> str:
    """What is said of the element that it stands in while the pointer rests there."""
    return tag("title", escape(words)) if words else ""


def label(
    x: float, y: float, words: str, class_: str | None = None, *, anchor: str | None = None, says: str = ""
) -> str:
    """Words with their baseline at `y`; `anchor` is SVG's: start, middle, end."""
    return tag("text", escape(words), hover(says), x=x, y=y, class_=class_, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str, says: str = "") -> str:
    return tag("line", *_said(says), x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def room(x: float, y: float, width: float, height: float, says: str = "") -> str:
    """An empty rectangle: what could be filled."""
    return tag("rect", *_said(says), x=x, y=y, width=max(width, 1), height=height, rx=2, class_="room")


def bar(x: float, y: float, width: float, height: float, colour: str, says: str = "") -> str:
    """A rectangle filled with one of the named colours."""
    return tag(
        "rect", *_said(says), x=x, y=y, width=max(width, 1), height=height, rx=2, fill=f"var(--{colour})"
    )


def dot(x: float, y: float, colour: str, says: str = "") -> str:
    return tag("circle", *_said(says), cx=x, cy=y, r=3.5, fill=f"var(--{colour})")


def curve(points: Iterable[tuple[float, float]], colour: str, dashes: str | None = None) -> str:
    """Straight lines from point to point."""
    return tag(
        "polyline",
        points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points),
        fill="none",
        stroke=f"var(--{colour})",
        stroke_width=2,
        stroke_dasharray=dashes,
    )


def _said(words: str) -> list[str]:
    return [hover(words)] if words else []


def moved(x: float, y: float, *children: str) -> str:
    return tag("g", *children, transform=f"translate({x:.0f} {y:.0f})")


def legend(x: float, y: float, entries: Iterable[tuple[str, str]]) -> str:
    """Swatches in a row, each a colour and its words."""
    parts = []
    for colour, words in entries:
        parts += [bar(x, y - 9, 12, 10, colour), label(x + 17, y, words)]
        x += 36 + width_of(words)
    return "".join(parts)


def width_of(words: str) -> float:
    """About how many pixels words of the usual size take."""
    return 7.2 * len(words)


class Plot(NamedTuple):
    """`svg` is one element that needs STYLE around it, `height` its own in pixels, `says` what one sees."""

    name: str
    title: str
    says: str
    svg: str
    height: float


def drawing(name: str, title: str, says: str, height: float, parts: Iterable[str]) -> Plot:
    """A plot, with a title and a description for those who cannot see it. `name` is its id on a page."""
    svg = tag(
        "svg",
        tag("title", escape(title), id=f"{name}-title"),
        tag("desc", escape(says), id=f"{name}-desc"),
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH} {height:.0f}",
        width=WIDTH,
        height=f"{height:.0f}",
        role="img",
        aria_labelledby=f"{name}-title {name}-desc",
    )
    return Plot(name, title, says, svg, height)


def stacked(name: str, plots: Sequence[Plot]) -> str:
    """The plots below each other in one picture that stands alone, each under its title and its sentence."""
    margin, head = 24, 66
    parts, y = [], 12.0
    for plot in plots:
        sentence = [label(0, 50 + 17 * index, part, "small") for index, part in enumerate(_broken(plot.says))]
        top = head + 17 * (len(sentence) - 1)
        parts.append(
            moved(margin, y, label(0, 26, plot.title, "heading"), *sentence, moved(0, top, plot.svg))
        )
        y += top + plot.height + 14
    paper = tag("rect", width="100%", height="100%", class_="paper")
    return tag(
        "svg",
        tag("title", escape(name)),
        tag("style", STYLE),
        paper,
        *parts,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH + 2 * margin} {y:.0f}",
        role="img",
    )


def _broken(words: str) -> list[str]:
    return textwrap.wrap(words, 150) or [""]


@dataclass(frozen=True, slots=True)
class Scale:
    """From values between `low` and `high` to pixels between `start` and `end`; those outside go to the edge.

    With `log` both limits are above zero.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        share = self._share(min(max(value, self.low), self.high))
        return self.start + share * (self.end - self.start)

    def _share(self, value: float) -> float:
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)

    def ticks(self) -> list[float]:
        """Round values within the limits: about five, or 1, 2 and 5 of each power of ten."""
        if self.log:
            return [tick for tick in _powers(self.low, self.high) if self.low <= tick <= self.high]
        step = _step((self.high - self.low) / 5)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [index * step for index in range(first, last + 1)]


def _powers(low: float, high: float) -> list[float]:
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    return [step * 10.0**power for power in range(first, last + 1) for step in steps]


def _step(least: float) -> float:
    power = 10.0 ** math.floor(math.log10(least))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= least * (1 - 1e-9))


def scale_of(values: Iterable[float], start: float, end: float, *, log: bool | None = None) -> Scale:
    """One that all `values` fit on: from zero, or by powers of ten where they are over 300 times apart."""
    positive = [value for value in values if value > 0]
    low, high = min(positive, default=1.0), max(positive, default=1.0)
    if log if log is not None else high > 300 * low:
        return Scale(10.0 ** math.floor(math.log10(low) - 0.15), high * 1.1, start, end, log=True)
    return Scale(0, high * 1.04, start, end)


def axis(scale: Scale, top: float, bottom: float, unit: str) -> list[str]:
    """Lines from `top` to `bottom` at round values of a horizontal scale, the values and their unit below."""
    parts = []
    for tick in scale.ticks():
        x = scale(tick)
        parts.append(line(x, top, x, bottom, "grid"))
        parts.append(label(x, bottom + 16, f"{tick:,.12g}", "small", anchor="middle"))
    unit += ", log scale" if scale.log else ""
    parts.append(label((scale.start + scale.end) / 2, bottom + 34, unit, "small", anchor="middle"))
    return parts
