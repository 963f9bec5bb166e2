"""Make thumbnails in a child process of its own, which cannot take the parent's memory, time or secrets.

A thread inside a decoder cannot be stopped, and a decoder that crashes ends its process. So the parent starts a child
per image, writes the image to its standard input, and reads the answer: one line of JSON, then the thumbnails' bytes.
The answer is data and never a pickle, for who takes over the child must not get the parent too.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from io import BytesIO
from typing import Any, Final

from eventkit.errors import BackendError, ConfigurationError
from eventkit.outcomes import Reject
from eventkit_handlers._spec import Render, Thumbnail, ThumbnailSpec

__all__ = ["in_process"]

PASSED_ON: Final = ("LD_LIBRARY_PATH", "PATH")
"""What a child may know of the environment: where its libraries are, and no credential."""


FATAL: Final = ("SIGXCPU", "SIGSEGV", "SIGBUS", "SIGABRT", "SIGFPE", "SIGILL") if os.name == "posix" else ()
"""The signals by which a child ends through its image; others come from outside."""


def in_process(*, memory: int = 1024, seconds: int = 10) -> Render:
    """A renderer for `thumbnails_maker` that decodes each image in a child process.

    The child may use `memory` MiB of address space and `seconds` of CPU time for all thumbnails. An image that needs
    more, or that crashes the decoder, raises `Reject`, for it would do so again. A child that the system killed or that
    could not start raises `BackendError`. When the caller is cancelled, by the route's `timeout=` for one, the child is
    killed.

    Starting a child costs 100 to 200 ms of CPU. Needs a POSIX system and raises `ConfigurationError` on others; macOS
    does not limit the memory.
    """
    if os.name != "posix":
        raise ConfigurationError("in_process() needs a POSIX system: use in_thread here")
    if memory < 1 or seconds < 1:
        raise ConfigurationError(f"in_process(memory={memory!r}, seconds={seconds!r}): both must be at least 1")

    async def render(data: bytes, specs: Sequence[ThumbnailSpec]) -> Sequence[Thumbnail]:
        process = await started({"memory": memory, "seconds": seconds, "specs": [*map(asdict, specs)]})
        try:
            answer, _ = await process.communicate(data)
        finally:
            await ended(process)
        return read_answer(answer, process.returncode)

    return render


def environment(inherited: Mapping[str, str], path: Sequence[str]) -> dict[str, str]:
    """The child's environment: what it needs to import its module, and nothing that is secret."""
    known = {name: inherited[name] for name in PASSED_ON if name in inherited}
    return known | {"PYTHONPATH": os.pathsep.join(filter(None, path))}


async def started(order: Mapping[str, object]) -> Process:
    """A child that waits for its image. Raises `BackendError`."""
    # -P: the working directory is no place to import from. A session of its own: Ctrl-C lets running work finish.
    command = (sys.executable, "-P", "-m", f"{__package__}._child", json.dumps(order))
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment(os.environ, sys.path),
            start_new_session=True,
        )
    except OSError as error:
        raise BackendError("the process that makes thumbnails cannot be started") from error


async def ended(process: Process) -> None:
    """Kills the child if it still runs."""
    if process.returncode is None:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def read_answer(answer: bytes, returncode: int | None) -> Sequence[Thumbnail]:
    """The thumbnails that a child answered with; raises `Reject` or `BackendError`, by whose fault it is."""
    for name in FATAL:
        if returncode == -signal.Signals[name]:
            raise Reject(f"decoding the image ended with {name}")
    if returncode != 0:
        raise BackendError(f"the process that makes thumbnails ended with status {returncode}")
    data = BytesIO(answer)
    facts: dict[str, Any] = json.loads(data.readline())
    if "reject" in facts:
        raise Reject(facts["reject"])
    return [Thumbnail(data.read(size), width, height) for size, width, height in facts["thumbnails"]]
