"""A session's settings: files, environment and the editor's words, put together anew at each change."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from spark_lsp.config import Config, load, within


class SettingsSource:
    """Gathers the settings of one session. The editor's two trees are None until it has sent them."""

    def __init__(self, config_file: Path | None) -> None:
        self._config_file = config_file
        self._reported: set[str] = set()
        self.workspace: Path | None = None
        self.initialization: Any = None
        self.section: Any = None

    @property
    def streaming(self) -> bool:
        """What the client says of itself, beside the settings: that it can let a shown suggestion grow."""
        ours = within(self.initialization)
        return isinstance(ours, Mapping) and ours.get("streaming") is True

    def load(self, report: Callable[[str], None]) -> Config:
        """The settings in force. Each problem is reported once in a session."""
        config, problems = load(
            config_file=self._config_file,
            workspace=self.workspace,
            environ=os.environ,
            overrides=(self.initialization, self.section),
        )
        for problem in problems:
            sentence = str(problem)
            if sentence not in self._reported:
                self._reported.add(sentence)
                report(sentence)
        return config
