"""What else is known to fit, for who looks through it."""

from __future__ import annotations

from spark_lsp.config import Config
from spark_lsp.engine.engine import Engine
from spark_lsp.engine.query import NOTHING, Query
from spark_lsp.values import Suggestion
from tests.unit.lsp.test_protocol_page import NobodyListens

URI = "file:///a.py"


async def test_texts_that_lead_here_from_different_states_are_alternatives() -> None:
    engine = Engine(Config(), NobodyListens())
    engine.open(URI, "/a.py", "def f():\n    sub\n", language="python", version=1, encoding="utf-16")
    document = engine.document(URI)
    assert document is not None
    here = document.snapshot(1, 7)
    before = here.edited(3, 0, "")
    # As they are taken from the store of an earlier session.
    engine._completer.restore(here, Suggestion("tract(a, b)"))
    engine._completer.restore(before, Suggestion("subtotal = sum(items)"))
    query = Query(here, automatic=False)
    answer = engine.complete_now(query)
    assert answer is not None
    assert answer.offer is not None
    found = await engine.alternatives(answer, query)
    others = [other.offer.text for other in found if other.offer is not None]
    assert sorted([answer.offer.text, *others]) == ["total = sum(items)", "tract(a, b)"]
    names = [engine.reactions.remember(each, query, shown=False) for each in found]
    assert [engine.reactions.text_of(name) for name in names] == others
    assert engine.metrics_report()["shown"] == 0
    assert await engine.alternatives(NOTHING, query) == []
    await engine.close()
