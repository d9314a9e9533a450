"""The child process of kind `local`: `python -m spark_lsp.backends.local_server PLAN FOLDER`.

It serves one model by llama.cpp on a port of the loopback device, with a random key, to those who hold a
connection to its door. It ends when the last of these connections has: the system closes them whatever
way a user ends, kill -9 included, so a child is never left behind and never ended while in use.

At the door: a user sends the token that `Meeting.place` holds, on a line, and gets lines of JSON:
{"state": "ready", "url", "key", "proof"} or {"state": "failed", "message", "proof"}.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any, NoReturn

import orjson

from spark_lsp.backends.local_plan import Meeting, Plan

FIRST_USER = 30.0  # seconds until somebody must have come in
HELLO = 5.0  # seconds for a user's token to arrive
LOOKS = 100  # at the log, 10 ms apart, for the reason of a failure
BATCH = 256  # tokens: with the usual 2048 a cancelled prompt blocked the next one for 15 s, with this 0.7 s
PHYSICAL_BATCH = 128
KEPT = 256
"""MiB of what was read of earlier prompts, for those that come back to them. llama.cpp's own bound is 8 GiB,
and a model of 90 MB had taken 1.5 GB after a hundred prompts."""


class Door:
    """Who uses this child, and what they are told."""

    def __init__(self, token: str, proof: str) -> None:
        self.empty = asyncio.Event()
        self._token = token.encode()
        self._proof = proof
        self._inside = 0
        self._news: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting = asyncio.get_running_loop().call_later(FIRST_USER, self._count, 0)

    def tell(self, news: dict[str, Any]) -> None:
        """What everybody who is here or comes later gets to know."""
        self._news.set_result(orjson.dumps({**news, "proof": self._proof}) + b"\n")

    async def enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One user, for as long as the connection lasts."""
        try:
            async with asyncio.timeout(HELLO):
                said = await reader.readline()
            if hmac.compare_digest(said.strip(), self._token):
                await self._stay(reader, writer)
        except (OSError, ValueError, TimeoutError):
            pass  # gone, or not one of ours
        finally:
            writer.close()

    async def _stay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._waiting.cancel()
        self._count(1)
        # Waited for beside the news: a user who leaves while the model loads must count as gone.
        leaving = asyncio.ensure_future(reader.read())
        try:
            await asyncio.wait({leaving, self._news}, return_when=asyncio.FIRST_COMPLETED)
            if self._news.done():
                writer.write(self._news.result())
                await writer.drain()
            await leaving
        finally:
            leaving.cancel()
            self._count(-1)

    def _count(self, change: int) -> None:
        self._inside += change
        if not self._inside:
            self.empty.set()


async def serve(plan: Plan, meeting: Meeting) -> NoReturn:
    """Until the last user has left, and the process with it."""
    token = secrets.token_urlsafe(32)
    # A child that was killed leaves its place behind and its port to anybody. Users can tell by this.
    proof = secrets.token_urlsafe(32)
    door = Door(token, proof)
    listener = await asyncio.start_server(door.enter, "127.0.0.1", 0)
    port = listener.sockets[0].getsockname()[1]
    publish(meeting.place, {"port": port, "token": token, "proof": proof, "pid": os.getpid()})
    loading = asyncio.create_task(_load(plan, meeting, door))
    await door.empty.wait()
    loading.cancel()
    listener.close()
    with suppress(OSError):
        meeting.place.unlink()
    os._exit(0)  # native threads are not waited for: nobody is left who wants what they do


async def _load(plan: Plan, meeting: Meeting, door: Door) -> None:
    key = secrets.token_urlsafe(32)
    try:
        server = await asyncio.to_thread(start, plan, key)
    except Exception as error:  # whatever native code has to say: it is for the user who waits
        await _logged(meeting.log)
        door.tell({"state": "failed", "message": str(error) or type(error).__name__})
    else:
        door.tell({"state": "ready", "url": server.listening_address, "key": key})
        await asyncio.Event().wait()  # keeps the server


async def _logged(log: Path) -> None:
    """A thread of llama.cpp's writes its log, and may do so only after the exception that it explains."""
    for _ in range(LOOKS):
        if os.stat(log).st_size:
            break
        await asyncio.sleep(0.01)


def start(plan: Plan, key: str) -> Any:
    """llama.cpp's server, with the model loaded. Raises what xllamacpp raises."""
    xllamacpp: Any = import_module("xllamacpp")  # an extra, without types
    wanted = xllamacpp.CommonParams()
    wanted.model.path = plan.model_file
    wanted.model_alias = {plan.model}
    wanted.hostnames = ["127.0.0.1"]
    wanted.port = 0
    wanted.api_keys = [key]
    wanted.n_ctx = plan.context_tokens * plan.slots
    wanted.n_parallel = plan.slots
    wanted.n_batch, wanted.n_ubatch = BATCH, PHYSICAL_BATCH
    wanted.cpuparams.n_threads = wanted.cpuparams_batch.n_threads = plan.threads
    wanted.cache_prompt = True
    wanted.cache_ram_mib = KEPT
    wanted.endpoint_slots = True
    wanted.ui = False
    wanted.verbosity = 1  # errors: the log would grow with each request
    wanted.sleep_idle_seconds = plan.idle_seconds or -1  # the model is unloaded; a request brings it back
    return xllamacpp.Server(wanted)


def publish(file: Path, content: dict[str, Any]) -> None:
    """Whole or not at all, and for this user's eyes only."""
    draft = file.with_name(f"{file.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as written:
        written.write(orjson.dumps(content))
    os.replace(draft, file)


def claim(file: Path) -> IO[bytes] | None:
    """The lock on `file`, None when another process has it. The system frees it however its holder ends."""
    held = open(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "r+b")  # noqa: SIM115 - held until the end
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(held.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        held.close()
        return None
    return held


def main() -> None:
    plan = Plan.decode(sys.argv[1])
    meeting = Meeting(plan, Path(sys.argv[2]))
    if (held := claim(meeting.lock)) is None:
        return  # another one was faster: its place is, or soon will be, published
    with held:
        os.truncate(meeting.log, 0)  # what an earlier child said would be taken for our last words
        asyncio.run(serve(plan, meeting))


if __name__ == "__main__":
    main()
