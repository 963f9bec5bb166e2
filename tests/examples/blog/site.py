"""The blog without AWS: its pages, its API over a store in memory, and a bucket in memory, all at one origin.

What the poller does with uploads is done when a test says so (`Site.prepare_photos`), by the blog's own app.
"""

from collections.abc import AsyncGenerator, MutableMapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from werkzeug.formparser import FormDataParser
from werkzeug.http import parse_options_header

from eventkit.testing import TestApp
from eventkit_local.serving import AsgiApp, serving
from examples.blog._photos import PREFIX
from examples.blog._resources import photos
from examples.blog._site import WEB
from examples.blog._uploads import Upload
from examples.blog._visitor import Visitor, visiting
from examples.blog.api import create_api
from tests.examples.blog.stand_ins import OVERRIDES, Surroundings

__all__ = ["Site", "open_site"]

BEGIN = 1_792_000_000_000
"""Milliseconds since 1970, in October 2026; time goes on by an hour whenever the API looks."""

HOUR = 3_600_000


@dataclass(frozen=True, slots=True)
class Site:
    """A blog that is served at `url`, and somebody else who visits it."""

    url: str
    visitor: Visitor
    around: Surroundings

    async def publish(self, title: str = "A title", text: str = "A text.") -> str:
        """Publish a post, and give its name in addresses."""
        return await self.visitor.publish(title, text, "Ada")

    async def prepare_photos(self) -> None:
        """Do what the poller would with all that was uploaded: make it ready, or refuse it."""
        uploaded = [key for key in self.around.bucket.objects if key.startswith(PREFIX)]
        async with TestApp(self.around.app, runtime="poller", overrides=OVERRIDES) as t:
            t.via("sns", "sqs").upload(photos, *uploaded)
            await t.settle()


@asynccontextmanager
async def open_site() -> AsyncGenerator[Site]:
    """Serve an empty blog for the length of the block."""
    around = Surroundings()
    around.blog.items.clear()
    files, hours = _Files(around.bucket.objects), count(BEGIN, HOUR)
    api = create_api(around.blog, files, now=hours.__next__)
    async with serving(_origins(api, files)) as url, visiting(url) as visitor:
        files.url = url
        yield Site(url, visitor, around)


@dataclass
class _Files:
    """A bucket that takes uploads at `/bucket` and shows what is in it under `/media/`."""

    content: dict[str, bytes]
    url: str = field(default="", init=False)

    async def form(self, key: str, content_type: str) -> Upload:
        return Upload(url=f"{self.url}/bucket", fields={"key": key, "Content-Type": content_type})

    async def take(self, request: Request) -> Response:
        kind, options = parse_options_header(request.headers["Content-Type"])
        body = await request.body()
        _, fields, files = FormDataParser(silent=False).parse(BytesIO(body), kind, len(body), options)
        with closing(files["file"]) as file:
            self.content[fields["key"]] = file.read()
        return Response(status_code=204)

    async def show(self, request: Request) -> Response:
        found = self.content.get(request.path_params["key"])
        return Response(status_code=404) if found is None else Response(found)


def _origins(api: AsgiApp, files: _Files) -> AsgiApp:
    """What the edge does: `/api/` is the API's, `/media/` the bucket's, and the rest is the pages'."""
    static = Starlette(
        routes=[
            Route("/bucket", files.take, methods=["POST"]),
            Route("/media/{key:path}", files.show),
            Route("/posts/{slug}", _post),
            Mount("/", StaticFiles(directory=WEB, html=True)),
        ]
    )

    async def origins(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - as ASGI has it
        chosen = api if scope.get("path", "").startswith("/api/") else static
        await chosen(scope, receive, send)

    return origins


async def _post(_: Request) -> Response:
    return FileResponse(WEB / "post.html")
