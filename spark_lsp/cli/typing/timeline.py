"""The timeline of a session: keys, waits, what was shown and taken, and what was asked upstream."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import NamedTuple

from spark_lsp.cli.reports.reading import OURS, Report, number, part, rows, value
from spark_lsp.cli.reports.svg import (
    WIDTH,
    Plot,
    Scale,
    bar,
    drawing,
    hover,
    label,
    legend,
    line,
    moved,
    scale_of,
    tag,
    width_of,
)
from spark_lsp.cli.typing.reading import HITS, NAIVE, counted, hit_name, hits

LONGEST = 30_000
"""Milliseconds of a session that are drawn: more of them could not be told apart."""

LANE = 168
"""Pixels from the top of one session to that of the next."""

QUOTED = 70
"""Characters of a text that are quoted."""


class Session(NamedTuple):
    """`events` are (ms from its first event, event), in order."""

    policy: str
    events: Sequence[tuple[float, Report]]

    def of(self, *kinds: str) -> list[tuple[float, Report]]:
        return [(at, event) for at, event in self.events if event.get("kind") in kinds]

    @property
    def waits(self) -> list[tuple[float, float, Report]]:
        """(ms, wait in ms, event) of each suggestion that was shown."""
        return [
            (at, wait, event) for at, event in self.of("shown") if (wait := value(event, "wait")) is not None
        ]


def timeline(report: Report) -> Plot | None:
    """Ours above naive on one axis of time. None where no session was kept."""
    found = [_session(report, "timeline", OURS), _session(report, "timeline_naive", NAIVE)]
    sessions = [session for session in found if session.events]
    if not sessions:
        return None
    across = Scale(0, max(session.events[-1][0] for session in sessions) or 1, 62, WIDTH - 12)
    waits = [wait for session in sessions for _, wait, _ in session.waits]
    up = scale_of(waits, 112, 26, log=False)
    parts = [_legend(sessions)]
    for index, session in enumerate(sessions):
        parts.append(moved(0, 44 + LANE * index, *_lane(session, across, up)))
    bottom = 44 + LANE * len(sessions)
    parts += [
        label(across(tick), bottom + 6, number(tick / 1000), "small", anchor="middle")
        for tick in across.ticks()
    ]
    parts.append(label((62 + WIDTH) / 2, bottom + 24, "seconds", "small", anchor="middle"))
    profile = part(report, "timeline").get("profile") or part(report, "timeline_naive").get("profile")
    title = f"{number(round(across.high / 1000))} seconds of a session{f' on {profile}' if profile else ''}"
    return drawing("timeline", title, _says(sessions), bottom + 34, parts)


def _session(report: Report, name: str, policy: str) -> Session:
    timed = [(at, event) for event in rows(report, name, "events") if (at := value(event, "t")) is not None]
    timed.sort(key=lambda pair: pair[0])
    first = timed[0][0] if timed else 0
    return Session(policy, [(at - first, event) for at, event in timed if at - first <= LONGEST])


def _legend(sessions: Sequence[Session]) -> str:
    seen = hits(_hit(event) for session in sessions for _, _, event in session.waits)
    entries = [(_colour(hit), hit_name(hit)) for hit in seen]
    return label(0, 14, "answered from:", "small") + legend(96, 14, entries)


def _hit(event: Report) -> str:
    return str(event.get("hit") or "unknown")


def _colour(hit: str) -> str:
    return hit if hit in HITS else "bound"


def _lane(session: Session, across: Scale, up: Scale) -> list[str]:
    colour = "ours" if session.policy == OURS else "naive"
    parts = [bar(0, 2, 12, 10, colour), label(17, 12, session.policy, "strong")]
    parts.append(label(32 + width_of(session.policy), 12, _summary(session), "small"))
    for tick in up.ticks():
        parts.append(line(across.start, up(tick), across.end, up(tick), "grid"))
        parts.append(label(across.start - 6, up(tick) + 4, number(tick), "small", anchor="end"))
    parts.append(label(0, up.start - 30, "wait,", "small") + label(0, up.start - 16, "ms", "small"))
    for at, wait, event in session.waits:
        hit, since = _hit(event), across(at - wait)
        width, height = max(across(at) - since, 3), max(up(0) - up(wait), 4)
        says = f"{number(wait)} ms, {hit_name(hit)}: {_quoted(event)}"
        parts.append(bar(since, up(0) - height, width, height, _colour(hit), says))
    parts.append(label(0, 126, "keys", "small"))
    parts += [_key(across(at), event) for at, event in session.of("key")]
    parts += [_accept(across(at), event) for at, event in session.of("accept")]
    parts.append(label(0, 144, "requests", "small"))
    parts += [
        line(across(at), 135, across(at), 146, "axis", "request upstream") for at, _ in session.of("request")
    ]
    for at, _ in session.of("first_token"):
        parts.append(tag("circle", hover("first token"), cx=across(at), cy=150.0, r=1.7, class_="token"))
    return parts


def _summary(session: Session) -> str:
    keys, accepts, requests = (len(session.of(kind)) for kind in ("key", "accept", "request"))
    return f"{counted(keys, 'key')}, {counted(accepts, 'accept')}, {counted(requests, 'request')} upstream"


def _key(x: float, event: Report) -> str:
    return line(x, 117, x, 128, "key", _quoted(event))


def _accept(x: float, event: Report) -> str:
    shape = f"M{x - 5:.1f} 130.5h10l-5 -12z"
    return tag("path", hover(f"taken: {_quoted(event)}"), d=shape, class_="accept")


def _quoted(event: Report) -> str:
    text = str(event.get("text") or "")
    return repr(text if len(text) <= QUOTED else text[:QUOTED] + "…")


def _says(sessions: Sequence[Session]) -> str:
    return " ".join(_session_says(session) for session in sessions)


def _session_says(session: Session) -> str:
    waits = [wait for _, wait, _ in session.waits]
    accepts = session.of("accept")
    taken = sum(len(str(event.get("text") or "")) for _, event in accepts)
    median = f"a median wait of {number(statistics.median(waits))} ms" if waits else "nothing shown"
    of_accepts, of_requests = counted(len(accepts), "accept"), counted(len(session.of("request")), "request")
    written = counted(taken, "character")
    return f"{session.policy}: {median}, {written} taken in {of_accepts}, {of_requests} upstream."
