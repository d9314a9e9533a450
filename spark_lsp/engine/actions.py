"""The code actions of a session's open documents: which fit a place, and what comes of the one that is
chosen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from spark_lsp.actions.catalog import CATALOG, REWRITE, Action, Offered, Range, offers, titled
from spark_lsp.config import Config
from spark_lsp.engine.act import Actor
from spark_lsp.engine.order import Order, Outcome, bodies
from spark_lsp.errors import ActionFailed, Outdated
from spark_lsp.text import Document, Lines, split_lines
from spark_lsp.values import Diagnostic, Edit, Reach

if TYPE_CHECKING:
    from spark_lsp.engine.propose import Written

TARGET = 20
"""Lines of a place that are remembered, to find it again in a text that moved."""

FIX = CATALOG[0]

WORST_FIRST = ("error", "warning", "information", "hint")


class Place(Protocol):
    """An open document, and what is known of where it is."""

    @property
    def document(self) -> Document: ...

    @property
    def path(self) -> str: ...

    @property
    def reach(self) -> asyncio.Task[Reach]: ...

    async def known_reach(self) -> Reach: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What a client asks actions for: a range of a document, what is wrong there, and kinds of action, each
    with all below it, if only those are wanted. `automatic`: no person asked."""

    uri: str
    range: Range
    diagnostics: tuple[Diagnostic, ...] = ()
    only: tuple[str, ...] = ()
    automatic: bool = False


class Listed(NamedTuple):
    """An action that fits, and what came of it if it was worked on ahead."""

    offered: Offered
    outcome: Outcome | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """An action that somebody chose, for a text as it was: `target` are the lines from `first` on."""

    uri: str
    version: int
    action: str
    first: int
    last: int
    target: tuple[str, ...] = ()
    diagnostic: Diagnostic | None = None
    selected: bool = False
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class NewText:
    """Text for a file that is not open: at its end, which is line `at` (None where there is no file yet)."""

    path: Path
    text: str
    at: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Result:
    """What is to be changed in a document as it is now, or words for a person."""

    outcome: Outcome
    version: int
    lines: Lines
    newline: str
    edits: tuple[Edit, ...] = ()
    created: tuple[NewText, ...] = ()


class Actions:
    """The code actions of one session.

    `find` gives an open document, `folder` the workspace folder that a path is in, `shown` what others may
    see of a path.
    """

    def __init__(
        self,
        config: Config,
        actor: Actor,
        find: Callable[[str], Place | None],
        folder: Callable[[str], Path],
        shown: Callable[[str], str],
    ) -> None:
        self._actor = actor
        self._find = find
        self._folder = folder
        self._shown = shown
        self._own = own_actions(config)

    async def configure(self, config: Config) -> None:
        self._own = own_actions(config)
        await self._actor.configure(config)

    def changed(self, uri: str) -> None:
        """The document changed, or is gone."""
        self._actor.changed(uri)

    async def aclose(self) -> None:
        await self._actor.aclose()

    # --- the list

    def listed(self, asked: Asked) -> list[Listed]:
        """What can be done there. Asks no model."""
        place = self._find(asked.uri)
        if place is None:
            return []
        document = place.document
        found = offers(
            bodies(document.lines),
            document.language,
            self._shown(place.path),
            asked.range,
            asked.diagnostics,
            only=asked.only,
            automatic=asked.automatic,
            own=self._own,
        )
        # How far it may go may not be looked up yet: then it is when one is chosen.
        reach = _reach(place) if place.reach.done() else "anywhere"
        against = self._actor.against(asked.uri, document.language, reach)
        if against:
            return [] if asked.automatic else [Listed(replace(one, disabled=against)) for one in found]
        listed = [Listed(one, self._known(place, one)) for one in found]
        if asked.automatic and asked.diagnostics:
            self._rest_on(place, asked.diagnostics)
        return listed

    def chosen(self, listed: Listed, uri: str, *, selected: bool) -> Chosen:
        """What has to be known to work on one of them later."""
        place, offered = self._find(uri), listed.offered
        assert place is not None
        lines = bodies(place.document.lines)
        whole = offered.action.about == "kind"
        return Chosen(
            uri,
            place.document.version,
            offered.action.name,
            offered.first,
            offered.last,
            () if whole else tuple(lines[offered.first : min(offered.last, offered.first + TARGET)]),
            offered.diagnostic,
            selected,
        )

    def _known(self, place: Place, offered: Offered) -> Outcome | None:
        if offered.action is not FIX or not self._actor.keeps_any:
            return None
        return self._actor.known(
            self._order(place, offered.action, offered.first, offered.last, offered.diagnostic)
        )

    def _rest_on(self, place: Place, diagnostics: Sequence[Diagnostic]) -> None:
        lines = bodies(place.document.lines)
        worst = min(diagnostics, key=lambda one: WORST_FIRST.index(one.severity))
        fix = next(offers(lines, "", "", Range(0, 0, selected=False), (worst,), only=(FIX.kind,)))
        text = place.document.lines

        async def order_now() -> Order | None:
            await place.known_reach()
            if place.document.lines is not text or self._find(place.document.uri) is not place:
                return None
            return self._order(place, FIX, fix.first, fix.last, worst)

        self._actor.rest_on(order_now, self._folder(place.path))

    def _order(
        self,
        place: Place,
        action: Action,
        first: int,
        last: int,
        diagnostic: Diagnostic | None = None,
        *,
        selected: bool = False,
        instruction: str = "",
    ) -> Order:
        document = place.document
        return Order(
            action,
            document.lines,
            document.uri,
            place.path,
            self._shown(place.path),
            document.language,
            first,
            last,
            () if diagnostic is None else (diagnostic,),
            selected,
            instruction,
            _reach(place),
        )

    # --- the one that was chosen

    async def result(self, chosen: Chosen, written: Written | None = None) -> Result:
        """What comes of it, for the document as it is then.

        Raises ActionFailed, and Outdated when the text it is about is not there any more.
        """
        from spark_lsp.actions.edits import minimal, rebase

        place = self._find(chosen.uri)
        if place is None:
            raise Outdated("the document is not open any more")
        await self._actor.ready()
        await place.known_reach()
        order = self._order_of(chosen, place)
        against = self._actor.against(chosen.uri, order.language, order.reach)
        if against:
            raise ActionFailed(against)
        root = self._folder(place.path)
        outcome = await self._actor.work(order, root, written)
        created = [await asyncio.to_thread(_new_text, root / file.path, file.text) for file in outcome.files]
        if self._find(chosen.uri) is not place:
            raise Outdated("the document is not open any more")
        document = place.document
        now = bodies(document.lines)
        replacements = outcome.replacements
        if document.lines is not order.text:
            moved = rebase(replacements, order.lines, now)
            if moved is None:
                raise Outdated("the text changed where the edit belongs")
            replacements = moved
        newline = document.snapshot(order.first, 0).newline
        edits = minimal(now, replacements)
        return Result(outcome, document.version, document.lines, newline, edits, tuple(created))

    def title(self, chosen: Chosen) -> str:
        """What it is called, in one line."""
        return titled(self._named(chosen.action), chosen.diagnostic, chosen.instruction)

    def _order_of(self, chosen: Chosen, place: Place) -> Order:
        first, last, diagnostic = chosen.first, chosen.last, chosen.diagnostic
        now = bodies(place.document.lines)
        if chosen.version != place.document.version and chosen.target:
            from spark_lsp.actions.edits import locate

            found = locate(chosen.target, first, now)
            if found is None:
                raise Outdated("the lines that this is about have changed")
            if diagnostic is not None:
                by = found - first
                diagnostic = replace(diagnostic, line=diagnostic.line + by, end_line=diagnostic.end_line + by)
            first, last = found, last + found - first
        last = min(last, len(now))
        first = min(first, max(last - 1, 0))
        return self._order(
            place,
            self._named(chosen.action),
            first,
            last,
            diagnostic,
            selected=chosen.selected,
            instruction=chosen.instruction,
        )

    def _named(self, name: str) -> Action:
        for action in (*CATALOG, REWRITE, *self._own):
            if action.name == name:
                return action
        raise ActionFailed(f"there is no action {name!r} any more")


def own_actions(config: Config) -> tuple[Action, ...]:
    """The user's own, as the catalogue has them."""
    return tuple(
        Action(
            f"own/{name}",
            one["title"],
            one.get("kind", "refactor.rewrite"),
            one["prompt"],
            form="lines",
            languages=one.get("languages", ()),
            own=True,
        )
        for name, one in config.actions.own.items()
    )


def _reach(place: Place) -> Reach:
    return place.reach.result() if place.reach.done() and not place.reach.cancelled() else "process"


def _new_text(path: Path, text: str) -> NewText:
    """What is written into a file that may be there: then at its end."""
    try:
        there = path.read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return NewText(path, text, None)
    lines = split_lines(there)
    apart = "\n\n" if there.endswith(("\n", "\r")) else "\n\n\n"
    return NewText(path, f"{apart}{text}", (len(lines) - 1, len(lines[-1])))
