"""The whole way of an answer, as the engine goes it: context, trimmer, cache, fit, and the editor's edit."""

from __future__ import annotations

from spark_lsp.completion.cache import PrefixCache
from spark_lsp.completion.context import Context, gather
from spark_lsp.completion.fit import fit
from spark_lsp.completion.prompt import render
from spark_lsp.completion.trim import Trimmer
from spark_lsp.text import Lines, Snapshot
from spark_lsp.values import Finish, Offer, Suggestion


def snapshot_of(before: str, after: str, language: str) -> Snapshot:
    """A document with the cursor between the two."""
    head = Lines.of(before)
    line = head.count - 1
    return Snapshot("file:///answer", 1, language, Lines.of(before + after), line, len(head[line]))


def trimmed(context: Context, pieces: list[str], finish: Finish = "stop", fim: str = "suffix") -> Suggestion:
    trimmer = Trimmer(context, stop=render(context, fim, max_tokens=256).stop)
    for piece in pieces:
        trimmer.feed(piece)
    trimmer.finish(finish)
    return Suggestion(trimmer.text, complete=trimmer.complete, raw=not context.fitting)


def offered(
    asked: Snapshot,
    said: str,
    finish: Finish = "stop",
    *,
    now: Snapshot | None = None,
    fim: str = "suffix",
    fitting: bool = True,
) -> Offer | None:
    """What is offered in the state `now` of an answer for the state `asked`."""
    suggestion = trimmed(gather(asked, path="src/main", fitting=fitting), [said], finish, fim)
    cache = PrefixCache(1_000_000)
    cache.put(asked, suggestion)
    found = cache.get(now or asked)
    if found is None:
        return None
    return fit(found.suggestion, now or asked, "typed_through" if found.typed else "network")


def accepted(now: Snapshot, offer: Offer) -> str:
    """The document with the offer in it."""
    return now.edited(offer.dedent, offer.absorbed, offer.text).lines.text()
