"""Thumbnails that are made in a child process: the same result, and whose fault it was when there is none."""

import asyncio
import os
import signal
import sys
from dataclasses import asdict

import pytest

from eventkit.errors import BackendError, ConfigurationError
from eventkit.outcomes import Reject
from eventkit_handlers._sandbox import ended, environment, read_answer, started
from eventkit_handlers.thumbnails import ThumbnailSpec, in_process, make_thumbnails
from tests.handlers.pictures import corners, encoded

pytestmark = pytest.mark.skipif(os.name != "posix", reason="children are limited by POSIX means")

SPEC = ThumbnailSpec(size=(64, 64), format="PNG")


async def test_a_child_makes_the_same_thumbnails() -> None:
    data, specs = encoded(corners()), [SPEC, ThumbnailSpec(size=(32, 32), format="WEBP")]

    assert await in_process()(data, specs) == make_thumbnails(data, specs)


async def test_what_the_child_rejects_is_rejected_for_the_same_reason() -> None:
    with pytest.raises(Reject, match="not a readable image"):
        await in_process()(b"meow", [SPEC])


@pytest.mark.skipif(sys.platform != "linux", reason="macOS does not limit the memory")
async def test_an_image_that_needs_more_memory_than_there_may_be_is_rejected() -> None:
    data = encoded(corners((6_000, 6_000)))

    with pytest.raises(Reject, match="more than 160 MiB of memory"):
        await in_process(memory=160)(data, [SPEC])


def test_the_child_sees_no_secret() -> None:
    inherited = {"AWS_SECRET_ACCESS_KEY": "SECRET", "PATH": "/bin", "PYTHONPATH": "/elsewhere"}

    assert environment(inherited, ["", "/a", "/b"]) == {"PATH": "/bin", "PYTHONPATH": f"/a{os.pathsep}/b"}


async def test_a_child_that_still_runs_is_killed() -> None:
    waiting = await started({"memory": 1024, "seconds": 10, "specs": [asdict(SPEC)]})

    await ended(waiting)

    assert waiting.returncode == -signal.SIGKILL


async def test_a_caller_can_be_cancelled() -> None:
    task = asyncio.create_task(in_process()(encoded(corners()), [SPEC]))
    await asyncio.sleep(0)  # let it begin

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("name", ["SIGXCPU", "SIGSEGV", "SIGABRT"])
def test_a_decoder_that_crashes_or_never_ends_is_the_images_fault(name: str) -> None:
    with pytest.raises(Reject, match=name):
        read_answer(b"", -signal.Signals[name])


@pytest.mark.parametrize("returncode", [1, -signal.SIGKILL, -signal.SIGTERM])
def test_a_child_that_was_stopped_or_could_not_start_is_not_the_images_fault(returncode: int) -> None:
    with pytest.raises(BackendError, match=f"status {returncode}"):
        read_answer(b"", returncode)


@pytest.mark.parametrize("limits", [{"memory": 0}, {"seconds": 0}])
def test_limits_that_make_no_sense_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ConfigurationError):
        in_process(**limits)
