"""One browser for a module's tests, which share its loop, and a blog of its own for each."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import pytest_asyncio

if TYPE_CHECKING:  # where Playwright is not here, the tests that need it are skipped, and only they
    from tests.examples.blog.browser import Browser, Page
    from tests.examples.blog.site import Site


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncGenerator["Browser"]:
    from tests.examples.blog.browser import launch

    async with launch() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module")
async def site() -> AsyncGenerator["Site"]:
    from tests.examples.blog.site import open_site

    async with open_site() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: "Browser", site: "Site") -> AsyncGenerator["Page"]:
    from tests.examples.blog.browser import open_page

    async with open_page(browser, site.url) as opened:
        yield opened
