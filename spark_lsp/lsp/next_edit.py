"""`textDocument/copilotInlineEdit`: the likely next edit, and the commands that tell what became of it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from spark_lsp.lsp import convert

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

ACCEPT = "spark.nextEdit.accept"
REJECT = "spark.nextEdit.reject"


def register(server: SparkServer) -> None:
    """Answer the request, and take the two commands."""

    def next_edit(params: Any) -> dict[str, Any]:
        uri, version, position = convert.next_edit_query(params)
        document = server.session.document(uri)
        found = server.session.next_edit(uri, version, position)
        if document is None or found is None:
            return {"edits": []}
        return {"edits": [convert.next_edit_item(*found, document, ACCEPT)]}

    server.protocol.direct["textDocument/copilotInlineEdit"] = next_edit
    commands = {
        ACCEPT: lambda arguments: server.session.next_edits.accepted(convert.offer_name(arguments)),
        REJECT: lambda arguments: server.session.next_edits.rejected(convert.offer_name(arguments)),
    }
    for name, run in commands.items():
        server.command(name)(partial(run))
        server.protocol.commands[name] = run
