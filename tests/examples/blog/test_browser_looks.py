"""How the pages look, on a telephone and on a desk, by day and by night; the screenshots are in `out/screenshots`."""

from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from examples.blog._photographs import bomb, photographs
from examples.blog._seeds import POSTS, seed
from tests.examples.blog.browser import Browser, FilePayload, Look, Page, expect, keep_screenshot, open_page
from tests.examples.blog.site import Site, open_site

pytestmark = pytest.mark.asyncio(loop_scope="module")

LOOKS = [Look(width, scheme) for width in (375, 1280) for scheme in ("light", "dark")]
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichenhersteller"

EVENING: FilePayload = {"name": "evening.jpg", "mimeType": "image/jpeg", "buffer": b"to be described"}
NOTES: FilePayload = {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"no photograph"}
BOMB: FilePayload = {"name": "bomb.png", "mimeType": "image/png", "buffer": bomb().data}

each_look = pytest.mark.parametrize("look", LOOKS, ids=str)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def seeded() -> AsyncGenerator[Site]:
    """The blog with the posts that it begins with."""
    async with open_site() as site:
        await seed(site.visitor, photographs(print))
        await site.prepare_photos()
        yield site


@pytest.fixture
def slug() -> str:
    """The post with everything: paragraphs, photographs, comments."""
    return "a-cat-a-cup-and-nothing-to-do"


@each_look
async def test_home(look: Look, browser: Browser, seeded: Site) -> None:
    async with open_page(browser, seeded.url, look) as page:
        await page.goto("/")
        await expect(page.get_by_role("article")).to_have_count(len(POSTS))
        await looks_good(page, f"home-{look}")


@each_look
async def test_post(look: Look, browser: Browser, seeded: Site, slug: str) -> None:
    async with open_page(browser, seeded.url, look) as page:
        await page.goto(f"/posts/{slug}")
        await expect(page.get_by_text("Chelsea.")).to_be_visible()
        await looks_good(page, f"post-{look}")


@each_look
async def test_write(look: Look, browser: Browser, seeded: Site, slug: str) -> None:
    async with open_page(browser, seeded.url, look) as page:
        await page.goto(f"/write.html?edit={slug}")
        await expect(page.locator("#photographs img")).to_have_count(2)
        await page.get_by_label("Choose photographs").set_input_files([EVENING, NOTES])
        await looks_good(page, f"write-{look}")


@each_look
async def test_write_when_things_go_wrong(look: Look, browser: Browser, site: Site) -> None:
    slug = await site.publish("Mine", "My text.")
    async with open_page(browser, site.url, look) as page:
        await page.goto(f"/write.html?edit={slug}")
        await page.get_by_label("Choose photographs").set_input_files(BOMB)
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_text("Being prepared")).to_be_visible()
        await site.prepare_photos()
        await expect(page.locator("#photographs .error")).to_be_visible()
        await site.visitor.edit(slug, "Theirs", "Their text.")
        await page.get_by_label("Text", exact=True).fill("My text, and more of it.")
        await page.get_by_role("button", name="Save").click()
        await expect(page.get_by_role("heading", name="Somebody else")).to_be_focused()
        await looks_good(page, f"conflict-{look}")


@each_look
async def test_subscribe(look: Look, browser: Browser, seeded: Site) -> None:
    async with open_page(browser, seeded.url, look) as page:
        await page.goto("/subscribe.html")
        await page.get_by_label("Email address").fill("ada")
        await page.get_by_role("button", name="Subscribe").click()
        await expect(page.get_by_label("Your name")).to_have_attribute("aria-invalid", "true")
        await looks_good(page, f"subscribe-{look}")


@each_look
async def test_what_is_not_there(look: Look, browser: Browser, seeded: Site) -> None:
    async with open_page(browser, seeded.url, look) as page:
        answer = await page.goto("/no/such/page")
        assert answer is not None
        assert answer.status == 404
        await looks_good(page, f"404-{look}")


@each_look
async def test_no_answer(look: Look, browser: Browser, seeded: Site) -> None:
    async with open_page(browser, seeded.url, look) as page:
        await page.route("**/api/**", lambda route: route.abort())
        await page.goto("/")
        await expect(page.get_by_role("alert")).to_be_visible()
        await looks_good(page, f"no-answer-{look}")


@pytest.mark.parametrize("address", ["/", "/posts/{}", "/write.html?edit={}", "/subscribe.html", "/nothing"])
async def test_the_narrowest_telephone_shows_the_longest_word(address: str, browser: Browser, site: Site) -> None:
    slug = await site.visitor.publish(LONG, LONG, LONG)
    await site.visitor.comment(slug, LONG, LONG)
    async with open_page(browser, site.url, Look(320)) as page:
        await page.goto(address.format(slug))
        await page.wait_for_load_state("networkidle")
        assert await overflow_of(page) == 0


async def looks_good(page: Page, name: str) -> None:
    """Keep a screenshot for somebody who can tell, and check what can be checked."""
    await pictures_are_there(page)
    await keep_screenshot(page, name)
    assert await overflow_of(page) == 0


async def pictures_are_there(page: Page) -> None:
    """Scrolling brings those that are loaded late."""
    for picture in await page.locator("main img").all():
        await picture.scroll_into_view_if_needed()
        await expect(picture).to_have_js_property("complete", value=True)
        assert await picture.evaluate("image => image.naturalWidth") > 0
    await page.evaluate("scrollTo(0, 0)")


async def overflow_of(page: Page) -> int:
    """Pixels by which the page is wider than what it is seen through."""
    return int(await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
