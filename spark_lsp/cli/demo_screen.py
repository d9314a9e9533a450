"""What the demo looks like in a terminal: the file as it is typed with its ghost text, and the last table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

THEME = "ansi_dark"  # the terminal's own sixteen colours

ABOVE, BELOW = 16, 5
"""Lines shown above the cursor's, and below it for suggestions of several lines."""

CONTEXT = 60
"""Lines that are read by the highlighter: enough that a docstring that began above stays one."""


def screen(title: str, lexer: str, text: str, ghost: str, status: str) -> RenderableType:
    """The end of `text` in a window of fixed height, `ghost` at the cursor behind it, and the status line."""
    shown = _highlighted(text, lexer)
    above = shown.plain.count("\n")
    lines = ghost.split("\n")[: BELOW + 1]
    shown.append("▏", style="bold")
    shown.append("\n".join(lines), style="dim italic")
    shown.append("\n" * (ABOVE - above + BELOW - len(lines) + 1))
    shown.no_wrap, shown.overflow = True, "ellipsis"
    return Group(Panel(shown, title=title, title_align="left", box=box.ROUNDED), Text(status, style="bold"))


def _highlighted(text: str, lexer: str) -> Text:
    lines = text.split("\n")
    code = Syntax("", lexer, theme=THEME).highlight("\n".join(lines[-CONTEXT:]))
    if not text.endswith("\n"):
        code.right_crop(1)  # the highlighter ends the last line
    return Text("\n").join(code.split("\n", allow_blank=True)[-ABOVE - 1 :])


class Source:
    """Where the last answer came from, by what moved in the metrics since the one before."""

    def __init__(self) -> None:
        self._hits: dict[str, int] = {}
        self._hit = self._backend = ""
        self._generations: dict[str, int] = {}

    def __str__(self) -> str:
        return f"{self._backend}, {self._hit.replace('_', ' ')}"

    def see(self, metrics: Mapping[str, Any]) -> None:
        hits: dict[str, int] = metrics["hits"]
        generations = {name: score["requests"] for name, score in metrics["backends"].items()}
        self._hit = _moved(self._hits, hits) or self._hit
        self._backend = _moved(self._generations, generations) or self._backend
        self._hits, self._generations = hits, generations


def _moved(before: Mapping[str, int], after: Mapping[str, int]) -> str:
    return next((name for name, count in after.items() if count > before.get(name, 0)), "")


def table(report: Mapping[str, Any]) -> Table:
    """The report as a person reads it."""
    title = f"{report['lines']} lines of {report['file']}"
    rows = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left", show_header=False)
    rows.add_column(no_wrap=True)
    rows.add_column()
    waited = report["time_to_suggestion_ms"]
    taken = report["taken"]
    rows.add_row("time to suggestion", _milliseconds(waited))
    for hit, count in report["hits"].items():
        if count and hit != "none":
            rows.add_row(f"  {hit}", f"{_milliseconds(report['by_hit_ms'][hit])}  ({count} answers)")
    shown = f"{report['keystrokes_with_suggestion']} of {report['keystrokes']}"
    rows.add_row("keystrokes with a suggestion", f"{report['suggestion_share']:.0%}  ({shown})")
    saved = f"{report['characters_saved']} of {report['characters']}"
    rows.add_row("characters saved", f"{report['saved_share']:.0%}  ({saved})")
    rows.add_row("suggestions taken", f"{taken['whole']} whole, {taken['lines']} for their first lines")
    rows.add_row("backends", _backends(report["backends"]))
    rows.add_row("requests", f"{report['requests']} in {report['seconds']:.1f} s")
    workspace = report["workspace"]
    rows.add_row("workspace", f"{workspace['files']} files, {workspace['tokens']:,} tokens")
    return rows


def _milliseconds(values: Mapping[str, float]) -> str:
    return f"p50 {values['p50']:.1f} ms, p95 {values['p95']:.1f} ms"


def _backends(backends: Mapping[str, Any]) -> str:
    return (
        ", ".join(f"{name} ({score['requests']} generations)" for name, score in backends.items()) or "none"
    )
