"""`textDocument/copilotInlineEdit`: the likely next edit, and the commands that tell what became of it."""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from inspect import isawaitable
from typing import TYPE_CHECKING, Any

from spark_lsp.engine.following import Offered
from spark_lsp.lsp import convert

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

ACCEPT = "spark.nextEdit.accept"
REJECT = "spark.nextEdit.reject"


def register(server: SparkServer) -> None:
    """Answer the request, and take the two commands."""

    def next_edit(params: Any) -> Any:
        found = server.session.next_edit(convert.next_edit_query(params))
        return later(found) if isawaitable(found) else written(found)

    async def later(found: Awaitable[Offered | None]) -> dict[str, Any]:
        return written(await found)

    def written(found: Offered | None) -> dict[str, Any]:
        return {"edits": [] if found is None else [convert.next_edit_item(*found, ACCEPT)]}

    server.protocol.direct["textDocument/copilotInlineEdit"] = next_edit
    commands = {
        ACCEPT: lambda arguments: server.session.next_edits.accepted(convert.offer_name(arguments)),
        REJECT: lambda arguments: server.session.next_edits.rejected(convert.offer_name(arguments)),
    }
    for name, run in commands.items():
        server.command(name)(partial(run))
        server.protocol.commands[name] = run
