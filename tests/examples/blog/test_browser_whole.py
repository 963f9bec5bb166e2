"""The whole blog in a browser: through the edge, with the API, the emulator, the poller and the mailbox behind it."""

import asyncio
import os
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_asyncio

from eventkit_local.dev import dev_session, local_aws
from examples.blog._photographs import bomb
from examples.blog._seeds import POSTS
from examples.blog.app import app
from examples.blog.dev import Blog, open_blog
from tests.examples.blog.browser import PATIENCE, Browser, FilePayload, Page, expect, keep_screenshot, open_page
from tests.examples.blog.stand_ins import picture

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(os.name != "posix", reason="the emulator runs on Linux and macOS"),
]

FIRST = """async ([path, member, wanted]) => {
    for (;;) {
        const answer = await fetch(path, { cache: "no-cache" });
        const found = { ...(await answer.json()), cache: answer.headers.get("X-Cache") };
        if (found[member] === wanted) {
            return found;
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}"""
"""The first of many answers in which a member, or what the edge says, is as wanted."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def blog() -> AsyncGenerator[Blog]:
    with local_aws() as aws:
        async with dev_session(app, aws=aws) as session, open_blog(session) as found, session.polling():
            yield found


@pytest_asyncio.fixture(loop_scope="module")
async def page(browser: Browser, blog: Blog) -> AsyncGenerator[Page]:
    async with open_page(browser, blog.edge.url) as opened:
        yield opened


async def first(page: Page, path: str, member: str, wanted: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE / 1000):
        found: dict[str, Any] = await page.evaluate(FIRST, [path, member, wanted])
        return found


async def publish(page: Page, title: str, *files: FilePayload) -> None:
    await page.goto("/write.html")
    await page.get_by_label("Title").fill(title)
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_label("Text", exact=True).fill("A text.")
    await page.get_by_label("Choose photographs").set_input_files(files)
    await page.get_by_role("button", name="Publish").click()
    await expect(page.get_by_role("link", name="Read the post")).to_be_visible()


async def test_the_first_posts_are_there_with_their_photographs(page: Page, blog: Blog) -> None:
    await page.goto("/")
    await expect(page.locator("h2")).to_have_text([post.title for post in reversed(POSTS)])

    await page.goto(f"/write.html?edit={blog.posts[-1].slug}")  # this page looks until all of them are ready
    await expect(page.locator("#photographs picture")).to_have_count(2)
    await page.get_by_role("link", name="MyBlog.com").click()
    await page.get_by_role("link", name=POSTS[-1].title).click()

    images = page.get_by_role("article").get_by_role("img")
    await expect(images).to_have_count(2)
    await expect(images.first).to_have_js_property("complete", value=True)
    assert await images.first.evaluate("image => image.naturalWidth") > 0
    await keep_screenshot(page, "whole-post")


async def test_an_uploaded_photograph_shows_up_without_a_reload(page: Page) -> None:
    await publish(page, "A gradient", {"name": "grey.png", "mimeType": "image/png", "buffer": picture()})

    image = page.locator("#photographs img")
    await expect(image).to_have_js_property("complete", value=True)
    assert await image.evaluate("image => image.naturalWidth") > 0
    assert (await image.evaluate("image => image.currentSrc")).endswith(".webp")


async def test_a_hostile_file_is_refused_and_its_author_told_why(page: Page) -> None:
    await publish(page, "A bomb", {"name": "bomb.png", "mimeType": "image/png", "buffer": bomb().data})

    await expect(page.locator("#photographs .error")).to_contain_text("Refused: the image has far too many pixels")


async def test_who_subscribes_gets_a_welcome(page: Page, blog: Blog) -> None:
    await page.goto("/subscribe.html")
    await page.get_by_label("Email address").fill("grace@example.org")
    await page.get_by_label("Your name").fill("Grace")
    await page.get_by_role("button", name="Subscribe").click()
    await expect(page.get_by_role("heading", name="Thank you")).to_be_focused()

    await page.goto(blog.mailbox.url)
    await page.get_by_role("row").filter(has_text="grace@example.org").get_by_role("link").click()

    await expect(page.frame_locator("iframe").get_by_text("Grace")).to_be_visible()
    await expect(page.frame_locator("iframe").get_by_role("link")).to_have_attribute("href", f"{blog.edge.url}/")
    await keep_screenshot(page, "whole-mail")


async def test_an_edit_is_read_through_the_cdn_which_had_the_old_text(page: Page) -> None:
    await publish(page, "The old title")
    path = "/api/posts/the-old-title"
    await first(page, path, "cache", "Hit from cloudfront")

    await page.get_by_label("Title").fill("The new title")
    await page.get_by_role("button", name="Save").click()

    changed = await first(page, path, "title", "The new title")
    assert changed["cache"] == "Miss from cloudfront"
    await first(page, path, "cache", "Hit from cloudfront")
    await page.goto("/posts/the-old-title")
    await expect(page.get_by_role("heading", level=1)).to_have_text("The new title")
