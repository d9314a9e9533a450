"""Typing along by itself comes to what the cache and the fitting would say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spark_lsp.completion.along import Along
from spark_lsp.completion.cache import PrefixCache
from spark_lsp.completion.fit import fit
from spark_lsp.text import Document
from spark_lsp.values import Suggestion

words = st.text("ab (){}:='\"#\n", max_size=40)
above = st.sampled_from(["", "def f():\n", "x = 1\n\n", "    if a:\n        b\n"])
indents = st.sampled_from(["", "    ", "\t", "  a = "])


@given(above, indents, words, st.sampled_from(["", "\n", "\n    return a\n", "\n\nb = (a)\n"]))
def test_the_rest_is_what_a_look_up_would_give(before: str, head: str, said: str, after: str) -> None:
    document = Document("file:///a.py", before + head + after, language="python", encoding="utf-32")
    line = before.count("\n")
    snapshot = document.snapshot(line, len(head))
    suggestion = Suggestion(said, backend="model")
    cache = PrefixCache(1_000_000)
    cache.put(snapshot, suggestion)
    offer = fit(suggestion, snapshot, "network")
    along = Along.of(offer, said, snapshot) if offer is not None else None
    if offer is None or along is None:
        return
    first = offer.text.partition("\n")[0]
    for column, key in enumerate(first, len(head)):
        assert along.insert(line, column, key)
        document.edit(line, column, line, column, key)
        now = document.snapshot(line, column + 1)
        found = cache.get(now)
        looked_up = None if found is None else fit(found.suggestion, now, "typed_through")
        rest = along.rest(line, column + 1)
        assert (rest and rest.text) == (looked_up and looked_up.text)


@given(words, words)
def test_anything_else_ends_it(said: str, typed: str) -> None:
    document = Document("file:///a.py", "", encoding="utf-32")
    snapshot = document.snapshot(0, 0)
    offer = fit(Suggestion(said), snapshot, "network")
    if offer is None or (along := Along.of(offer, said, snapshot)) is None:
        return
    goes_along = "\n" not in typed and offer.text.startswith(typed)
    assert along.insert(0, 0, typed) == goes_along
    assert along.rest(0, len(typed) + 1) is None
    assert along.rest(1, len(typed)) is None
