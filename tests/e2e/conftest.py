"""Rules of the end-to-end tests."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.e2e import servers
from tests.e2e.servers import LITELLM, LOGS, MODEL, Server
from tests.scenario.conftest import sessions as sessions


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """On a developer's machine a missing tool skips a test; in CI it would hide one, so there it fails."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CI"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longreprtext
        report.outcome = "failed"
        report.longrepr = f"CI is set, so this may not be skipped. {reason}"
    if report.failed:
        for log in LOGS:
            report.sections.append((f"the end of {log.name}", log.read_text("utf-8", "replace")[-4_000:]))
    return report


@pytest.fixture(scope="session")
def model() -> Path:
    if not MODEL.exists():
        pytest.skip("there is no model: run `make e2e`")
    return servers.checked_model()


@pytest.fixture(scope="session")
def llama(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with servers.llama(model, tmp_path_factory.mktemp("llama")) as server:
        yield server


@pytest.fixture(scope="session")
def litellm(llama: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """In front of llama.cpp: `smol`, and `rare`, which may be asked once a minute."""
    if not LITELLM.exists():
        pytest.skip("LiteLLM is not installed: run `make e2e`")
    folder = tmp_path_factory.mktemp("litellm")
    config = folder / "config.yaml"
    config.write_text(servers.proxy_configuration(llama))
    with servers.litellm(config, folder, servers.free_port()) as server:
        yield server
