"""The Copilot family of clients: their methods, as other names for what the engine does anyway.

Two shapes are in use. The current one is inlineCompletion with a few methods around it; the older one,
`getCompletions` and what belongs to it, is behind `compat.copilot_legacy`. There is no account: whoever asks
is told that somebody is signed in, because these clients ask for nothing before.
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from spark_lsp import __version__
from spark_lsp.engine.engine import Engine
from spark_lsp.engine.status import StatusKind
from spark_lsp.errors import RequestError
from spark_lsp.lsp import convert
from spark_lsp.lsp.convert import Candidate
from spark_lsp.lsp.handlers import Handlers, inline_items
from spark_lsp.lsp.protocol import INVALID_REQUEST, METHOD_NOT_FOUND, Direct

if TYPE_CHECKING:
    from spark_lsp.lsp.server import SparkServer

NOBODY = "nobody: spark-lsp needs no account"
"""Shown as the user's name. With characters that no account's name has: clients fetch pictures by it."""

SOLUTIONS_AFTER = 0.05
"""Seconds: copilot.vim makes the panel's window when the request is answered, and drops what comes before."""


class Copilot:
    """Takes the family's methods of one session, and tells the family's clients how things stand."""

    def __init__(self, server: SparkServer, handlers: Handlers) -> None:
        self._server = server
        self._handlers = handlers
        self._told_of_setting = False
        self._listens = False
        self._status: tuple[StatusKind, str] | None = None
        server.protocol.direct.update(self._current())
        server.protocol.direct.update(
            {method: self._older(method, run) for method, run in self._legacy().items()}
        )

    @property
    def _engine(self) -> Engine:
        engine = self._server.engine
        assert engine is not None, "`initialize` makes it, and nothing is answered before"
        return engine

    def _current(self) -> dict[str, Direct]:
        account = {"user": NOBODY}
        return {
            "textDocument/didFocus": lambda _: self._engine.focused(),
            "textDocument/copilotPanelCompletion": self._panel_completion,
            # There is no engine for edits elsewhere yet; a client that asks at each move gets no error.
            "setEditorInfo": self._set_editor_info,
            "getVersion": lambda _: {
                "version": __version__,
                "runtimeVersion": f"python/{platform.python_version()}",
            },
            "checkStatus": lambda _: {"status": "OK", **account},
            "signIn": lambda _: {"status": "AlreadySignedIn", **account},
            "signInInitiate": lambda _: {"status": "AlreadySignedIn", **account},
            "signInConfirm": lambda _: {"status": "OK", **account},
            "signOut": lambda _: {"status": "NotSignedIn"},
            "copilot/models": self._models,
        }

    def _legacy(self) -> dict[str, Direct]:
        return {
            "getCompletions": lambda params: self._completions(params, listed=False),
            "getCompletionsCycling": lambda params: self._completions(params, listed=True),
            "getPanelCompletions": self._panel_solutions,
            "notifyShown": self._shown,
            "notifyAccepted": self._accepted,
            "notifyRejected": self._rejected,
        }

    def _older(self, method: str, run: Direct) -> Direct:
        """The method, where the setting is on. Else who asks is told of the setting, and the user once."""

        def checked(params: Any) -> Any:
            if self._engine.config.compat.copilot_legacy:
                return run(params)
            if not self._handlers.settings_known.is_set():
                return once_known(params)
            missing = f"{method} is of the older Copilot clients: set compat.copilot_legacy = true"
            if not self._told_of_setting:
                self._told_of_setting = True
                self._server.warn(missing)
            raise RequestError(METHOD_NOT_FOUND, missing)

        async def once_known(params: Any) -> Any:
            # The editor may be about to answer that it is on.
            await self._handlers.settings_known.wait()
            result = checked(params)
            return await result if asyncio.iscoroutine(result) else result

        return checked

    # --- the session

    def begin(self, options: Any) -> None:
        """The client's initializationOptions are known."""
        self._listens = convert.of_copilot_family(options)

    def _set_editor_info(self, params: Any) -> str:
        if not self._listens:
            self._listens = True
            if self._status is not None:
                self.status(*self._status)
        return "OK"

    def status(self, kind: StatusKind, message: str) -> None:
        """Say it in the family's words, to a client that is of it."""
        self._status = kind, message
        if self._listens:
            params = {"kind": kind, "message": message, "busy": False}
            self._server.protocol.tell("didChangeStatus", params)
            self._server.protocol.tell("statusNotification", {**params, "status": kind})

    def _models(self, params: Any) -> Any:
        raise RequestError(INVALID_REQUEST, "models are chosen in the settings of spark-lsp: backend.model")

    # --- the current panel

    def _panel_completion(self, params: Any) -> Any:
        token = convert.partial_result_token(params)

        def write(candidates: Sequence[Candidate]) -> Any:
            result = inline_items(candidates)
            if token is None:
                return result
            self._server.protocol.tell("$/progress", {"token": token, "value": result})
            return {"items": []}

        return self._handlers.ask(convert.invoked_at(params), write, listed=True)

    # --- the older shape

    def _completions(self, params: Any, *, listed: bool) -> Any:
        inside = convert.inside_doc(params)
        return self._handlers.ask(
            inside, lambda each: {"completions": [*map(_completion, each)]}, listed=listed
        )

    def _panel_solutions(self, params: Any) -> dict[str, Any]:
        panel = convert.panel_id(params)

        def write(candidates: Sequence[Candidate]) -> list[dict[str, Any]]:
            return [_solution(candidate, panel) for candidate in candidates]

        found = self._handlers.ask(convert.invoked_at(convert.inside_doc(params)), write, listed=True)
        self._server.tasks.start(self._tell_solutions(panel, found), "panel")
        return {"solutionCountTarget": 1}

    async def _tell_solutions(self, panel: str, found: Any) -> None:
        solutions = await found if asyncio.iscoroutine(found) else found
        await asyncio.sleep(SOLUTIONS_AFTER)
        tell = self._server.protocol.tell
        for solution in solutions:
            tell("PanelSolution", solution)
        tell("PanelSolutionsDone", {"panelId": panel, "status": "OK"})

    def _shown(self, params: Any) -> str:
        self._engine.reactions.shown(convert.uuid_of(params))
        return "OK"

    def _accepted(self, params: Any) -> str:
        name, taken = convert.accepted_uuid(params)
        reactions = self._engine.reactions
        left = 0 if taken is None else convert.code_points_behind(reactions.text_of(name), taken)
        reactions.accepted(name, left)
        return "OK"

    def _rejected(self, params: Any) -> str:
        for name in convert.uuids_of(params):
            self._engine.reactions.turned_down(name)
        return "OK"


def _completion(candidate: Candidate) -> dict[str, Any]:
    item = convert.inline_item(candidate)
    return {
        "uuid": candidate.name,
        "text": item["insertText"],
        "displayText": candidate.offer.text,
        "range": item["range"],
        "position": convert.position_of(candidate),
        "docVersion": candidate.query.snapshot.version,
    }


def _solution(candidate: Candidate, panel: str) -> dict[str, Any]:
    """Its text and range begin at the cursor: copilot.el inserts it there, copilot.vim keeps what follows."""
    return {
        "panelId": panel,
        "solutionId": candidate.name,
        "score": 0,
        "completionText": candidate.offer.text,
        "displayText": convert.inline_item(candidate)["insertText"],
        "range": convert.own_range(candidate),
    }
