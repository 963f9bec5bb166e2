"""The blog's poller as the process that somebody runs."""

import asyncio
import signal
import sys
from functools import partial
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from eventkit_local.dev import dev_session, local_aws
from examples.blog import app as blog
from tests.adapters.local.processes import eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the emulator runs on Linux and macOS")

ROOT = Path(__file__).parents[2]
POLLER = (sys.executable, "-m", "examples.blog.poller_main")


async def test_the_poller_handles_an_upload_and_stops_on_sigterm() -> None:
    with local_aws() as aws:
        async with dev_session(blog.app, aws=aws):
            s3: Any = import_module("boto3").client("s3")
            s3.put_object(Bucket="photos", Key="uploads/a.png", Body=picture())

            process = await asyncio.create_subprocess_exec(*POLLER, cwd=ROOT)
            listed = partial(s3.list_objects_v2, Bucket="photos", Prefix=blog.THUMBNAILS)
            made = await asyncio.to_thread(eventually, lambda: "Contents" in listed())
            process.send_signal(signal.SIGTERM)
            status = await asyncio.wait_for(process.wait(), 60)
            s3.close()

    assert (made, status) == (True, 0)


def picture() -> bytes:
    file = BytesIO()
    Image.new("RGB", (64, 48), "teal").save(file, "PNG")
    return file.getvalue()
