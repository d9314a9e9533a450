"""A fake server in a process of its own, whose work is in nobody's measurements."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import IO, Any

from spark_lsp.errors import SparkError

FAKE = (sys.executable, "-P", "-m", "spark_lsp", "fake-server")


@asynccontextmanager
async def serving(
    options: Mapping[str, Any],
    environment: Mapping[str, str] | None = None,
    log: IO[bytes] | None = None,
) -> AsyncIterator[str]:
    """Its URL. `options` are those of `spark-lsp fake-server`. Raises SparkError when it does not start."""
    process = await asyncio.create_subprocess_exec(
        *FAKE,
        *(str(word) for option in options.items() for word in option),
        env=None if environment is None else dict(environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=log,
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        if not line.startswith("listening on "):
            raise SparkError("the fake server does not start")
        yield line.split()[-1]
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
