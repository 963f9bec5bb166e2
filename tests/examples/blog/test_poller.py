"""The blog's poller as the process that somebody runs, beside its API over HTTP, on a local AWS."""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import httpx
import pytest

from eventkit_local.dev import dev_session, local_aws
from eventkit_local.serving import serving
from examples.blog._wiring import open_api
from examples.blog.app import app
from tests.adapters.local.clients import client
from tests.examples.blog.stand_ins import picture

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the emulator runs on Linux and macOS")

T = TypeVar("T")

ROOT = Path(__file__).parents[3]
POLLER = (sys.executable, "-m", "examples.blog.poller_main")


async def test_the_poller_makes_thumbnails_and_writes_to_subscribers_and_stops_on_sigterm() -> None:
    with local_aws() as aws:
        ses = client("sesv2", aws.endpoint_url)
        ses.create_email_identity(EmailIdentity="blog@myblog.example")
        async with (
            dev_session(app, aws=aws),
            open_api() as api,
            serving(api) as url,
            httpx.AsyncClient(base_url=url) as browser,
        ):
            process = await asyncio.create_subprocess_exec(*POLLER, cwd=ROOT)
            try:
                await publish_with_photo(browser)
                for _ in range(2):
                    await browser.post("/api/subscribers", json={"address": "ada@example.org", "name": "Ada"})
                photo = await eventually(lambda: ready_photo(browser))
                await eventually(lambda: sent(ses))
                process.send_signal(signal.SIGTERM)
                status = await asyncio.wait_for(process.wait(), 60)
            finally:
                if process.returncode is None:
                    process.kill()
            post = (await browser.get("/api/posts/hello")).json()
        mails = await sent(ses)

    assert status == 0
    assert [size["width"] for size in photo["sizes"]] == [320, 960, 1200]
    assert post["photos"] == [photo]
    assert mails == 1


async def publish_with_photo(browser: httpx.AsyncClient) -> None:
    await browser.post("/api/posts", json={"title": "Hello", "text": "A text.", "author": "Ada"})
    announced = await browser.post(
        "/api/posts/hello/photos", json={"name": "A cat", "type": "image/png", "size": 1_000}
    )
    form = announced.json()["upload"]
    answer = await browser.post(form["url"], data=form["fields"], files={"file": ("cat.png", picture())})
    assert answer.is_success


async def ready_photo(browser: httpx.AsyncClient) -> dict[str, Any] | None:
    (photo,) = (await browser.get("/api/posts/hello/photos")).json()["items"]
    return photo if photo["status"] == "ready" else None


async def sent(ses: Any) -> int:  # noqa: ANN401 - boto3's client
    return int((await asyncio.to_thread(ses.get_account))["SendQuota"]["SentLast24Hours"])


async def eventually(found: Callable[[], Awaitable[T | None]]) -> T:
    """What a poller in another process brings about, which tells nobody when."""
    async with asyncio.timeout(60):
        while not (value := await found()):  # noqa: ASYNC110 - the page asks again and again, too
            await asyncio.sleep(0.1)
        return value
