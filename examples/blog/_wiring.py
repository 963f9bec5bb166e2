"""The API with what it needs on AWS, as the environment says."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from examples.blog._aws import blocking_table_and_uploads, open_table_and_uploads
from examples.blog._settings import Settings
from examples.blog.api import create_api

__all__ = ["blocking_api", "open_api"]


@asynccontextmanager
async def open_api() -> AsyncGenerator[FastAPI]:
    """The API for an event loop that does other things too, such as uvicorn's."""
    settings = Settings.from_environ(os.environ)
    async with open_table_and_uploads(settings) as (blog, uploads):
        yield create_api(blog, uploads, region=settings.region)


def blocking_api() -> FastAPI:
    """The API for Lambda, where nothing runs beside a request."""
    settings = Settings.from_environ(os.environ)
    blog, uploads = blocking_table_and_uploads(settings)
    return create_api(blog, uploads, region=settings.region)
