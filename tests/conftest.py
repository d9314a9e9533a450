"""No test finds the keys, the servers or the caches of whoever runs it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# A law is no race: a loaded machine breaks none.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def nobody_nearby(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARK_LSP_ROUTING__DISCOVER", "false")
    for place in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(place, str(_cache(tmp_path_factory)))
    for name in os.environ:
        if name.endswith(("_API_KEY", "_BASE_URL")):
            monkeypatch.delenv(name)


def _cache(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("cache")
