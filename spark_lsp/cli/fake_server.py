"""`spark-lsp fake-server`: a completion server with scripted speed and faults, for tests of any client."""

from __future__ import annotations

import asyncio

from spark_lsp.backends.fake import folder_of, source_of
from spark_lsp.backends.oracle import Mistaken, Oracle
from spark_lsp.backends.script import Script, parse_faults, parse_late, parse_limit
from spark_lsp.errors import UsageError


async def serve(
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    ttft: float = 0.0,
    rate: float = 0.0,
    jitter: float = 0.0,
    faults: str = "",
    limit: str = "",
    late: str = "",
    oracle: str = "",
    model: str = "",
    slots: int = 0,
    seed: int = 0,
    wrong: float = 0.0,
    edits: str = "",
) -> int:
    """Listen until cancelled, after one line on stdout that says where.

    `ttft` and `jitter` in seconds, `rate` in tokens a second (0: at once), `slots` 0 for no limit,
    `model` "" for any, `wrong` the share of the states, 0 to 1, that the oracle is mistaken at, `edits` how
    questions to change a file are answered, "" for not at all. Raises UsageError for faults, a limit, a
    lateness or a mode of edits that are none, an oracle that is no folder, or a port that cannot be had.
    """
    from spark_lsp.backends.fake_http import FakeServer  # aiohttp: not for every command's start

    source = await asyncio.to_thread(source_of, folder_of(oracle), edits)
    if edits and wrong:
        raise UsageError("--wrong is for continuing a text: of --edits, there is --edits wrong")
    if wrong:
        if not isinstance(source, Oracle):
            raise UsageError("--wrong is for an --oracle: without one nothing is right")
        source = Mistaken(source, wrong, seed)
    script = Script(ttft, rate, jitter, parse_faults(faults), parse_limit(limit), parse_late(late))
    async with FakeServer(
        source, script, host=host, port=port, model=model, slots=slots, seed=seed
    ) as server:
        print(f"listening on {server.url}", flush=True)
        await asyncio.Event().wait()
    return 0
