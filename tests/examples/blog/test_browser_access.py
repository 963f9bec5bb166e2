"""The pages for everybody: with a keyboard, with a screen reader, with little contrast in the eyes, without motion."""

import re
from collections.abc import AsyncGenerator, Awaitable, Callable
from itertools import pairwise
from pathlib import Path

import pytest
import pytest_asyncio

from examples.blog._photographs import Picture
from tests.examples.blog.axe import VERSION, faults_of, fetched
from tests.examples.blog.browser import NARROW, WIDE, Browser, FilePayload, Look, Page, expect, open_page
from tests.examples.blog.site import Site, open_site
from tests.examples.blog.stand_ins import picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTRAST = Path(__file__).with_name("contrast.js").read_text(encoding="utf-8")
SLUG = "a-title"
TITLES = {
    "/": "MyBlog.com",
    f"/posts/{SLUG}": "A title · MyBlog.com",
    f"/write.html?edit={SLUG}": "Edit “A title” · MyBlog.com",
    "/write.html": "Write a post · MyBlog.com",
    "/subscribe.html": "Subscribe · MyBlog.com",
    "/404.html": "Not found · MyBlog.com",
}

EVENING: FilePayload = {"name": "evening.jpg", "mimeType": "image/jpeg", "buffer": b"to be described"}
NOTES: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no photograph"}
NAMED = re.compile(r"\S")
OUTLINED = (
    """node => [node, node.closest("article")].some((one) => one && getComputedStyle(one).outlineStyle === "solid")"""
)

each_page = pytest.mark.parametrize("address", TITLES)
each_look = pytest.mark.parametrize("look", [NARROW, Look(1280, "dark")], ids=str)


async def with_errors(page: Page) -> None:
    await page.goto("/write.html")
    await page.get_by_role("button", name="Publish").click()
    await expect(page.get_by_label("Title")).to_be_focused()


async def with_chosen_files(page: Page) -> None:
    await page.goto("/write.html")
    await page.get_by_label("Choose photographs").set_input_files([EVENING, NOTES])
    await expect(page.locator("#photographs > li")).to_have_count(2)


async def without_answer(page: Page) -> None:
    await page.route("**/api/**", lambda route: route.abort())
    await page.goto("/")
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()


async def with_thanks(page: Page) -> None:
    await page.goto("/subscribe.html")
    await page.get_by_label("Email address").fill("ada@example.org")
    await page.get_by_label("Your name").fill("Ada")
    await page.get_by_role("button", name="Subscribe").click()
    await expect(page.get_by_role("heading", name="Thank you")).to_be_focused()


each_state = pytest.mark.parametrize("state", [with_errors, with_chosen_files, without_answer, with_thanks])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncGenerator[Site]:
    """A blog with one post, that has everything."""
    async with open_site() as found:
        await found.publish("A title", "A text.\n\nAnd more.")
        await found.visitor.comment(SLUG, "Grace", "I like it.")
        await found.visitor.add_photo(SLUG, Picture(picture("JPEG"), "image/jpeg", "A gradient"))
        await found.prepare_photos()
        yield found


@pytest.fixture(scope="module")
def axe(request: pytest.FixtureRequest) -> str:
    return fetched(request.config.cache.mkdir(f"axe-core-{VERSION}"))


async def opened(page: Page, address: str) -> None:
    """Open a page, and wait until all of it is there."""
    await page.goto(address)
    await expect(page).to_have_title(TITLES[address])
    await expect(page.locator("[aria-busy=true]")).to_have_count(0)
    await expect(page.get_by_role("heading", level=1)).to_have_count(1)


@each_look
@each_page
async def test_axe_core_finds_no_fault(address: str, look: Look, browser: Browser, site: Site, axe: str) -> None:
    async with open_page(browser, site.url, look) as page:
        await opened(page, address)
        assert await faults_of(page, axe) == []


@each_look
@each_state
async def test_axe_core_finds_no_fault_in_what_changes(
    state: Callable[[Page], Awaitable[None]], look: Look, browser: Browser, site: Site, axe: str
) -> None:
    async with open_page(browser, site.url, look) as page:
        await state(page)
        assert await faults_of(page, axe) == []


@each_look
@each_page
async def test_texts_can_be_told_from_what_is_behind_them(
    address: str, look: Look, browser: Browser, site: Site
) -> None:
    async with open_page(browser, site.url, look) as page:
        await opened(page, address)
        found = await page.evaluate(CONTRAST)
        assert found["low"] == []
        assert found["checked"] > 8


@each_page
async def test_a_page_has_its_landmarks_and_its_headings_in_order(address: str, page: Page) -> None:
    await opened(page, address)

    for role in ("banner", "main", "contentinfo"):
        await expect(page.locator("body").get_by_role(role)).to_have_count(1)
    await expect(page.get_by_role("navigation", name="Pages")).to_have_count(1)
    assert await page.locator("html").get_attribute("lang") == "en"
    levels = [int((await one.evaluate("node => node.tagName"))[1:]) for one in await page.get_by_role("heading").all()]
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in pairwise(levels))


@each_page
async def test_whatever_takes_the_focus_has_a_name_and_shows_the_focus(address: str, page: Page) -> None:
    await opened(page, address)
    stops = await page.locator("a[href], button, input, textarea").filter(visible=True).count()

    for _ in range(stops):
        await page.keyboard.press("Tab")
        focused = page.locator(":focus")
        assert await focused.evaluate("node => node === document.querySelector(':focus-visible')")
        await expect(focused).to_have_accessible_name(NAMED)
        assert await focused.evaluate(OUTLINED), await focused.inner_html()


async def test_the_navigation_can_be_skipped(page: Page) -> None:
    await opened(page, "/")
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    await expect(skip).to_be_focused()
    await expect(skip).to_be_in_viewport()

    await page.keyboard.press("Enter")

    await expect(page.get_by_role("main")).to_be_focused()


async def test_a_post_is_published_by_keyboard_alone(page: Page) -> None:
    await opened(page, "/write.html")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")  # past the navigation
    for words in ("By hand", "Ada", "No mouse was there."):
        await page.keyboard.press("Tab")
        await page.keyboard.type(words)
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")

    await expect(page.get_by_role("status")).to_have_text("Published. Read the post")


@pytest.mark.parametrize(("look", "seconds"), [(WIDE, "0.15s"), (Look(1280, motion="reduce"), "0s")])
async def test_nothing_moves_for_whom_that_is_too_much(look: Look, seconds: str, browser: Browser, site: Site) -> None:
    async with open_page(browser, site.url, look) as page:
        await opened(page, "/write.html")
        button = page.get_by_role("button", name="Publish")
        await expect(button).to_have_css("transition-duration", seconds)


@pytest.mark.parametrize("address", ["/", f"/posts/{SLUG}", "/write.html", "/subscribe.html"])
async def test_without_scripts_a_page_says_what_it_lacks_and_takes_nothing(
    address: str, browser: Browser, site: Site
) -> None:
    context = await browser.new_context(base_url=site.url, java_script_enabled=False)
    page = await context.new_page()
    await page.goto(address)

    await expect(page.locator("noscript p")).to_contain_text("JavaScript, which is switched off here")
    await expect(page.locator("form").filter(visible=True)).to_have_count(0)
    await context.close()
