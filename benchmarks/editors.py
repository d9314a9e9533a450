"""From a key to ghost text on Neovim's screen, for an answer that the server has in its cache.

    python -m benchmarks.editors [--keys N]

Two Neovims take turns: one with our plugin, one with the built-in requester, each with a server of its own.
The clock runs inside Neovim, from the moment it takes the key from its input to the end of the redraw after
which the whole of the expected text stands there.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory

from tests.e2e.neovim import BINARIES, Backend, Neovim, Place, editor
from tests.scenario.test_typing import DONE, GHOST, START

NEOVIM = "0.12"
BUILT_IN = "nvim.lsp.inline_completion"

PROBE = """
local name = ...
Probe = { expected = nil, waited = nil }
local pressed
vim.on_key(function(_, typed)
  if typed ~= '' then pressed = vim.uv.hrtime() end
end)
local function shown()
  local namespace = vim.api.nvim_get_namespaces()[name]
  if not namespace then return '' end
  local text = ''
  for _, mark in ipairs(vim.api.nvim_buf_get_extmarks(0, namespace, 0, -1, { details = true })) do
    for _, chunk in ipairs(mark[4].virt_text or {}) do text = text .. chunk[1] end
    for _, line in ipairs(mark[4].virt_lines or {}) do
      text = text .. '\\n'
      for _, chunk in ipairs(line) do text = text .. chunk[1] end
    end
  end
  return text
end
vim.api.nvim_set_decoration_provider(vim.api.nvim_create_namespace('probe'), {
  on_end = function()
    if Probe.expected and pressed and shown() == Probe.expected then
      Probe.waited = (vim.uv.hrtime() - pressed) / 1e6
      Probe.expected = nil
    end
  end,
})
"""


def wait(nvim: Neovim, key: str, expected: str) -> float:
    """Milliseconds from this key to this text on the screen."""
    nvim.lua("Probe.expected, Probe.waited = ..., nil", expected)
    nvim.type(key)
    waited: float = nvim.until(lambda: nvim.lua("return Probe.waited"), f"{expected!r} behind {key}")
    return waited


def brought_back(nvim: Neovim) -> float:
    """A wrong key and Backspace: the server knows the answer, and nothing is on the screen."""
    nvim.type("@")
    nvim.until(lambda: nvim.ghost() == "", "nothing is shown")
    # The built-in requester asks 200 ms after a key: let it ask about the wrong one first, as with a person.
    nvim.lua("vim.wait(300)")
    return wait(nvim, "<BS>", GHOST)


def typed_along(nvim: Neovim) -> float:
    """The next character of what is shown; taken back afterwards."""
    waited = wait(nvim, GHOST[0], GHOST[1:])
    wait(nvim, "<BS>", GHOST)
    return waited


def started(stack: ExitStack, place: Place, namespace: str) -> Neovim:
    nvim = stack.enter_context(editor(NEOVIM, place))
    if namespace == BUILT_IN:
        nvim.namespace = BUILT_IN
        nvim.lua("vim.lsp.config('spark_lsp', { cmd = ... }) vim.lsp.enable('spark_lsp')", place.server())
        nvim.lua("vim.lsp.inline_completion.enable()")
    else:
        nvim.use()
    nvim.lua(PROBE, namespace)
    nvim.edit(f"{namespace.replace('.', '_')}.py", START)
    if namespace == BUILT_IN:
        nvim.until_built_in_looks()
    nvim.type("jA")
    nvim.until_ghost(GHOST)
    return nvim


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.editors", description=__doc__)
    parser.add_argument("--keys", type=int, default=100, help="how many of each kind")
    keys = parser.parse_args(arguments).keys
    if not BINARIES[NEOVIM].exists():
        print(f"no Neovim {NEOVIM}: run `make .venv/e2e/.nvim`", file=sys.stderr)
        return 1
    with TemporaryDirectory() as folder, ExitStack() as stack:
        place = Place(Path(folder))
        (place.folder / "oracle" / "shop.py").write_text(DONE)
        backend = Backend(place.folder / "oracle")
        stack.callback(backend.stop)
        # The built-in requester shows no more of an answer than what it is given first.
        whole = {"deadline_ms": 10_000, "without": ["pieces"]}
        place.settings(backend.url, prefetch={"enabled": False}, inline=whole)
        ours, built_in = (started(stack, place, namespace) for namespace in ("spark.ghost", BUILT_IN))
        print("| key | plugin p50 / p95 ms | built-in p50 / p95 ms | times sooner |\n|---|---:|---:|---:|")
        for name, measure in (("brought back", brought_back), ("typed along", typed_along)):
            pairs = [(measure(ours), measure(built_in)) for _ in range(keys)]
            (ours50, ours95), (theirs50, theirs95) = map(middle_and_high, zip(*pairs, strict=True))
            figures = f"{ours50:.1f} / {ours95:.1f} | {theirs50:.0f} / {theirs95:.0f}"
            print(f"| {name} | {figures} | {theirs50 / ours50:.0f} |", flush=True)
    return 0


def middle_and_high(waits: Sequence[float]) -> tuple[float, float]:
    cuts = quantiles(waits, n=20)
    return cuts[9], cuts[18]


if __name__ == "__main__":
    sys.exit(main())
