"""What else could stand at a place, for somebody who asks for it: beside the answer, and at no cost."""

from __future__ import annotations

from spark_lsp.completion.block import plain
from spark_lsp.completion.fit import fit
from spark_lsp.engine.complete import Completer
from spark_lsp.engine.query import Answer, Place, Query
from spark_lsp.values import Hit, Suggestion


async def alternatives(completer: Completer, answer: Answer, query: Query, place: Place) -> list[Answer]:
    """What the cache and the predictor have beside this answer, none of it the beginning of another."""
    if answer.offer is None:
        return []
    snapshot = query.snapshot
    known: list[tuple[Suggestion, Hit]] = [
        (other, "cached") for other in completer.others(snapshot, answer.offer.suggestion.text)
    ]
    if (predicted := await completer.predict(query, place)) is not None:
        known.append((predicted, "workspace"))
    texts = [plain(answer.offer.text)]
    found = []
    for suggestion, hit in known:
        offer = fit(suggestion, snapshot, hit)
        if offer is None:
            continue
        text = plain(offer.text)
        if not any(text.startswith(other) or other.startswith(text) for other in texts):
            texts.append(text)
            found.append(Answer(offer, hit, suggestion.text))
    return found
