"""Reading the blog, commenting and subscribing, in a browser."""

import re
from itertools import count

import pytest

from examples.blog._photographs import Picture
from tests.examples.blog.browser import Page, Route, expect
from tests.examples.blog.site import Site
from tests.examples.blog.stand_ins import picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOSTILE = "<img src=x onerror=\"document.title='hacked'\"><script>document.title='hacked'</script>"
HEBREW = "שלום עולם!"
DIRECTION = "node => getComputedStyle(node).direction"
PHOTO = Picture(picture("JPEG"), "image/jpeg", "A gradient")


async def no_reading(route: Route) -> None:
    await (route.abort() if route.request.method == "GET" else route.continue_())


class TestHome:
    async def test_posts_are_listed_newest_first_and_lead_to_themselves(self, page: Page, site: Site) -> None:
        await site.publish("The first")
        await site.publish("The second")

        await page.goto("/")

        await expect(page.locator("h2")).to_have_text(["The second", "The first"])
        await page.get_by_role("link", name="The first").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("The first")
        await expect(page).to_have_title("The first · MyBlog.com")

    async def test_a_post_is_listed_with_its_photograph(self, page: Page, site: Site) -> None:
        await site.visitor.add_photo(await site.publish(), PHOTO)
        await site.prepare_photos()

        await page.goto("/")

        image = page.get_by_role("img", name="A gradient")
        await expect(image).to_have_js_property("complete", value=True)
        assert (await image.evaluate("image => image.currentSrc")).endswith(".webp")
        assert await image.evaluate("image => image.naturalWidth") > 0

    async def test_older_posts_are_a_page_away_and_so_is_the_way_back(self, page: Page, site: Site) -> None:
        for number in range(12):
            await site.publish(f"Post {number}")
        await page.goto("/")
        await expect(page.locator("h2")).to_have_count(10)

        await page.get_by_role("link", name="Older posts").click()

        await expect(page.locator("h2")).to_have_text(["Post 1", "Post 0"])
        await expect(page.get_by_role("heading", level=1)).to_have_text("Older posts")
        await expect(page.get_by_role("link", name="Older posts")).to_have_count(0)
        await page.get_by_role("link", name="Newest posts").click()
        await expect(page.locator("h2").first).to_have_text("Post 11")

    async def test_an_empty_blog_asks_for_its_first_post(self, page: Page) -> None:
        await page.goto("/")

        await page.get_by_role("link", name="Write the first post").click()

        await expect(page.get_by_role("heading", level=1)).to_have_text("Write a post")

    async def test_a_server_that_does_not_answer_can_be_asked_again(self, page: Page, site: Site) -> None:
        await site.publish("Hello")
        await page.route("**/api/posts", lambda route: route.abort())
        await page.goto("/")
        await expect(page.get_by_role("alert")).to_contain_text("could not be reached")

        await page.unroute("**/api/posts")
        await page.get_by_role("button", name="Try again").click()

        await expect(page.locator("h2")).to_have_text("Hello")
        await expect(page.locator("#posts")).to_be_focused()  # the button, which had the focus, is gone


class TestPost:
    async def test_an_empty_line_parts_paragraphs_and_a_line_stays_one(self, page: Page, site: Site) -> None:
        slug = await site.publish(text="One\nline.\n\n\nTwo.\r\n\r\nThree.")

        await page.goto(f"/posts/{slug}")

        paragraphs = page.locator("article .text p")
        await expect(paragraphs).to_have_count(3)
        assert await paragraphs.all_inner_texts() == ["One\nline.", "Two.", "Three."]

    async def test_a_photograph_comes_in_the_size_that_fits_and_moves_no_text(self, page: Page, site: Site) -> None:
        slug = await site.publish()
        await site.visitor.add_photo(slug, PHOTO)
        await site.prepare_photos()

        await page.goto(f"/posts/{slug}")

        image = page.get_by_role("img", name="A gradient")
        await expect(image).to_have_js_property("complete", value=True)
        assert "-960x960.webp" in await image.evaluate("image => image.currentSrc")
        assert [await image.get_attribute(side) for side in ("width", "height")] == ["1200", "900"]
        source = page.locator("picture source")
        assert [await one.get_attribute("type") for one in await source.all()] == ["image/webp"]

    async def test_a_comment_is_there_at_once_and_after_a_reload(self, page: Page, site: Site) -> None:
        slug = await site.publish()
        await page.goto(f"/posts/{slug}")
        await expect(page.get_by_text("Nobody has commented yet.")).to_be_visible()

        await page.get_by_label("Your name").fill("Grace")
        await page.get_by_label("Comment", exact=True).fill("I like it.")
        await page.get_by_role("button", name="Publish the comment").click()

        comment = page.get_by_role("listitem").filter(has_text="I like it.")
        await expect(comment).to_be_focused()
        await expect(comment).to_contain_text("Grace")
        await expect(page.get_by_text("Nobody has commented yet.")).to_be_hidden()
        await expect(page.get_by_label("Comment", exact=True)).to_have_value("")
        await page.reload()
        await expect(comment).to_be_visible()

    async def test_comments_come_a_page_at_a_time_each_of_them_once(self, page: Page, site: Site) -> None:
        slug = await site.publish()
        for number in range(22):
            await site.visitor.comment(slug, "Grace", f"Number {number}.")
        await page.goto(f"/posts/{slug}")
        comments = page.locator(".comments > li")
        await expect(comments).to_have_count(20)
        await page.get_by_label("Your name").fill("Ada")
        await page.get_by_label("Comment", exact=True).fill("Number 22.")
        await page.get_by_role("button", name="Publish the comment").click()
        await expect(comments).to_have_count(21)

        await page.get_by_role("button", name="More comments").click()

        await expect(comments).to_have_count(23)
        await expect(comments.filter(has_text="Number 20.")).to_be_focused()
        await expect(page.get_by_role("status")).to_have_text("23 comments are shown")
        await expect(page.get_by_role("button", name="More comments")).to_have_count(0)

    async def test_a_comment_is_seen_though_the_others_could_not_be_read(self, page: Page, site: Site) -> None:
        slug = await site.publish()
        await site.visitor.comment(slug, "Ada", "The first.")
        await page.route(
            "**/comments", lambda route: route.abort() if route.request.method == "GET" else route.continue_()
        )
        await page.goto(f"/posts/{slug}")
        await expect(page.get_by_role("alert")).to_contain_text("could not be reached")
        await page.get_by_label("Your name").fill("Grace")
        await page.get_by_label("Comment", exact=True).fill("The second.")
        await page.get_by_role("button", name="Publish the comment").click()

        comment = page.get_by_role("listitem").filter(has_text="The second.")
        await expect(comment).to_be_focused()
        await page.unroute("**/comments")
        await page.get_by_role("button", name="Try again").click()

        await expect(page.locator(".comments .text")).to_have_text(["The first.", "The second."])

    async def test_what_the_server_refuses_is_told_next_to_the_field(self, page: Page, site: Site) -> None:
        await page.goto(f"/posts/{await site.publish()}")
        name = page.get_by_label("Your name")
        await name.evaluate("input => input.removeAttribute('maxlength')")
        await name.fill("x" * 81)
        await page.get_by_label("Comment", exact=True).fill("I like it.")

        await page.get_by_role("button", name="Publish the comment").click()

        await expect(name).to_be_focused()
        await expect(name).to_have_attribute("aria-invalid", "true")
        await expect(name).to_have_accessible_description(re.compile("at most 80"))
        await name.fill("Grace")
        await page.get_by_role("button", name="Publish the comment").click()
        await expect(page.locator(".comments > li")).to_have_count(1)
        assert await name.get_attribute("aria-invalid") is None

    @pytest.mark.parametrize("name", ["nothing", "%E0%A4%A"])
    async def test_a_post_that_is_not_there_says_so(self, name: str, page: Page) -> None:
        await page.goto(f"/posts/{name}")

        await expect(page.get_by_role("heading", level=1)).to_have_text("There is no such post")
        await expect(page.get_by_role("heading", name="Comments")).to_be_hidden()

    async def test_texts_from_right_to_left_are_set_so(self, page: Page, site: Site) -> None:
        slug = await site.visitor.publish(HEBREW, f"{HEBREW}\n\nAnd in English.", HEBREW)
        await site.visitor.comment(slug, HEBREW, HEBREW)
        await page.goto(f"/posts/{slug}")
        await expect(page.get_by_role("listitem").filter(has_text=HEBREW)).to_be_visible()

        found = page.locator("main").get_by_text(HEBREW, exact=True)
        assert [await text.evaluate(DIRECTION) for text in await found.all()] == ["rtl"] * 5
        assert await page.get_by_text("And in English.").evaluate(DIRECTION) == "ltr"

    async def test_hostile_texts_are_texts(self, page: Page, site: Site) -> None:
        slug = await site.visitor.publish(HOSTILE, HOSTILE, HOSTILE[:80])
        await site.visitor.comment(slug, HOSTILE[:80], HOSTILE)
        await site.visitor.add_photo(slug, Picture(PHOTO.data, PHOTO.type, HOSTILE))
        await site.prepare_photos()

        for address in ("/", f"/posts/{slug}", f"/write.html?edit={slug}"):
            await page.goto(address)
            await expect(page.locator("main picture img")).to_have_count(1)
            assert await page.locator("main script, main img:not(picture img)").count() == 0
            assert await page.title() != "hacked"

    async def test_the_policy_lets_no_script_make_html_of_a_text(self, page: Page) -> None:
        await page.goto("/404.html")

        with pytest.raises(Exception, match="TrustedHTML"):
            await page.evaluate("document.body.innerHTML = '<p>'")


class TestSubscribing:
    async def test_thanks_are_the_same_for_everybody(self, page: Page, site: Site) -> None:
        for name in ("Ada", "Ada again"):
            await page.goto("/subscribe.html")
            await page.get_by_label("Email address").fill("ada@example.org")
            await page.get_by_label("Your name").fill(name)
            await page.get_by_role("button", name="Subscribe").click()

            await expect(page.get_by_role("heading", name="Thank you")).to_be_focused()
            await expect(page.locator("#thanks")).to_contain_text("If ada@example.org is new here")
        assert len(site.around.blog.items) == 1

    async def test_fields_that_are_wrong_say_so_and_nothing_is_sent(self, page: Page, site: Site) -> None:
        await page.goto("/subscribe.html")
        await page.get_by_label("Email address").fill("ada")

        await page.get_by_role("button", name="Subscribe").click()

        address, name = page.get_by_label("Email address"), page.get_by_label("Your name")
        await expect(address).to_be_focused()
        await expect(address).to_have_accessible_description(re.compile("Please include an '@'"))
        await expect(name).to_have_attribute("aria-invalid", "true")
        assert site.around.blog.items == {}

    async def test_an_address_that_the_server_refuses_is_told_next_to_the_field(self, page: Page) -> None:
        await page.goto("/subscribe.html")
        address = page.get_by_label("Email address")
        await address.fill("ada@example")
        await page.get_by_label("Your name").fill("Ada")

        await page.get_by_role("button", name="Subscribe").click()

        await expect(address).to_be_focused()
        await expect(address).to_have_attribute("aria-invalid", "true")
        await expect(page.locator("#address-error")).not_to_be_empty()

    async def test_what_got_no_answer_is_kept_and_can_be_sent_again(self, page: Page) -> None:
        tries = count(1)
        await page.route("**/api/subscribers", lambda route: route.abort() if next(tries) == 1 else route.continue_())
        await page.goto("/subscribe.html")
        await page.get_by_label("Email address").fill("ada@example.org")
        await page.get_by_label("Your name").fill("Ada")
        await page.get_by_role("button", name="Subscribe").click()
        await expect(page.get_by_role("alert")).to_contain_text("could not be reached")

        await page.get_by_role("button", name="Try again").click()

        await expect(page.get_by_role("heading", name="Thank you")).to_be_focused()
