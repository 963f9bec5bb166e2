"""Writing for the blog in a browser: posts, edits that cross, and photographs."""

import asyncio
from itertools import count

import pytest

from examples.blog._photographs import bomb
from tests.examples.blog.browser import Dialog, FilePayload, Locator, Page, Route, expect
from tests.examples.blog.site import Site
from tests.examples.blog.stand_ins import picture

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHOTO: FilePayload = {"name": "IMG_1.jpg", "mimeType": "image/jpeg", "buffer": picture("JPEG")}


async def write(page: Page, title: str, text: str) -> None:
    await page.get_by_label("Title").fill(title)
    await page.get_by_label("Text", exact=True).fill(text)


async def save(page: Page) -> None:
    await page.get_by_role("button", name="Save", exact=True).click()


async def open_to_edit(page: Page, slug: str) -> None:
    await page.goto(f"/write.html?edit={slug}")
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_visible()


async def choose(page: Page, *files: FilePayload) -> Locator:
    """Choose the files, and give the rows of the list of photographs."""
    await page.get_by_label("Choose photographs").set_input_files(files)
    return page.locator("#photographs > li")


class TestPosts:
    async def test_a_post_is_published_and_can_be_read(self, page: Page) -> None:
        await page.goto("/write.html")
        await write(page, "On engines", "One.\n\nTwo.")
        await page.get_by_label("Your name").fill("Ada")

        await page.get_by_role("button", name="Publish").click()

        await expect(page.get_by_role("status")).to_have_text("Published. Read the post")
        await expect(page).to_have_url("/write.html?edit=on-engines")  # what comes next is an edit
        await page.get_by_role("link", name="Read the post").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("On engines")
        await expect(page.locator("article .text p")).to_have_count(2)

    async def test_nothing_is_sent_while_a_field_is_empty(self, page: Page, site: Site) -> None:
        await page.goto("/write.html")
        await write(page, "   ", "A text.")

        await page.get_by_role("button", name="Publish").click()

        title = page.get_by_label("Title")
        await expect(title).to_be_focused()
        await expect(title).to_have_accessible_description("Please fill in this field.")
        await expect(page.get_by_label("Your name")).to_have_attribute("aria-invalid", "true")
        assert site.around.blog.items == {}

    async def test_an_edit_begins_with_what_is_there_and_is_read_afterwards(self, page: Page, site: Site) -> None:
        slug = await site.publish("On engines", "One.")
        await page.goto(f"/posts/{slug}")
        await page.get_by_role("link", name="Edit this post").click()
        await expect(page.get_by_label("Title")).to_have_value("On engines")
        await expect(page.get_by_label("Text", exact=True)).to_have_value("One.")
        await expect(page.get_by_label("Your name")).to_be_hidden()

        await write(page, "On looms", "Two.")
        await save(page)

        await page.get_by_role("link", name="Read the post").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("On looms")
        await expect(page.get_by_text("Edited on")).to_be_visible()

    async def test_saving_twice_is_no_conflict(self, page: Page, site: Site) -> None:
        await open_to_edit(page, await site.publish())
        for title in ("Second", "Third"):
            await write(page, title, "A text.")
            await save(page)
            await expect(page).to_have_title(f"Edit “{title}” · MyBlog.com")
            await expect(page.locator("#saved")).to_contain_text("Saved.")

        await expect(page.locator("#conflict")).to_be_hidden()

    async def test_a_post_that_is_not_there_cannot_be_edited(self, page: Page) -> None:
        await page.goto("/write.html?edit=nothing")

        await expect(page.get_by_role("alert")).to_contain_text("There is no such post.")
        await expect(page.get_by_label("Title")).to_be_hidden()

    async def test_what_got_no_answer_is_kept_and_can_be_saved_again(self, page: Page, site: Site) -> None:
        slug = await site.publish()
        await open_to_edit(page, slug)
        await write(page, "Mine", "My text.")
        await page.route(f"**/api/posts/{slug}", lambda route: route.abort())
        await save(page)
        await expect(page.get_by_role("alert")).to_contain_text("could not be reached")
        await expect(page.get_by_label("Title")).to_have_value("Mine")

        await page.unroute(f"**/api/posts/{slug}")
        await page.get_by_role("button", name="Try again").click()

        await expect(page.get_by_role("status")).to_have_text("Saved. Read the post")
        await expect(page.get_by_role("alert")).to_have_count(0)

    async def test_what_is_written_while_the_answer_is_on_its_way_is_kept(self, page: Page, site: Site) -> None:
        slug = await site.publish()
        answering = asyncio.Event()

        async def answer_late(route: Route) -> None:
            answer = await route.fetch()
            await answering.wait()
            await route.fulfill(response=answer)

        await open_to_edit(page, slug)
        await page.route(f"**/api/posts/{slug}", answer_late)
        await write(page, "Mine", "My text.")
        async with page.expect_request(f"**/api/posts/{slug}"):
            await save(page)
        await page.get_by_label("Text", exact=True).fill("My text, and more of it.")
        answering.set()
        await expect(page.get_by_role("status")).to_have_text("Saved. Read the post")

        await expect(page.get_by_label("Text", exact=True)).to_have_value("My text, and more of it.")
        await save(page)
        await expect(page.locator("form")).not_to_have_attribute("aria-busy", "true")
        assert (await site.visitor.data(f"/api/posts/{slug}"))["text"] == "My text, and more of it."

    async def test_nobody_leaves_what_is_not_saved_without_being_asked(self, page: Page, site: Site) -> None:
        asked: list[str] = []

        async def stay(dialog: Dialog) -> None:
            asked.append(dialog.type)
            await dialog.dismiss()

        page.on("dialog", stay)
        await open_to_edit(page, await site.publish())
        await page.get_by_label("Title").click()  # who has not touched a page is not asked
        await write(page, "Mine", "My text.")
        async with page.expect_event("dialog"):
            await page.evaluate("() => void location.reload()")
        await expect(page.get_by_label("Title")).to_have_value("Mine")
        await save(page)
        await expect(page.get_by_role("status")).to_have_text("Saved. Read the post")

        await page.reload()

        await expect(page.get_by_label("Title")).to_have_value("Mine")
        assert asked == ["beforeunload"]


class TestConflicts:
    @pytest.fixture
    def heading(self, page: Page) -> Locator:
        return page.get_by_role("heading", name="Somebody else has changed this post")

    async def conflict(self, page: Page, site: Site) -> str:
        """Edit a post that somebody else edits at the same time and faster."""
        slug = await site.publish()
        await open_to_edit(page, slug)
        await site.visitor.edit(slug, "Theirs", "Their text.")
        await write(page, "Mine", "My text.")
        await save(page)
        return slug

    async def test_it_is_explained_and_loses_nothing(self, page: Page, site: Site, heading: Locator) -> None:
        await self.conflict(page, site)

        await expect(heading).to_be_focused()
        await expect(page.locator("#conflict blockquote")).to_contain_text("Their text.")
        await expect(page.get_by_label("Text", exact=True)).to_have_value("My text.")

    async def test_mine_can_be_saved_over_theirs(self, page: Page, site: Site, heading: Locator) -> None:
        slug = await self.conflict(page, site)

        await page.get_by_role("button", name="Save mine instead").click()

        await expect(page.get_by_role("status")).to_have_text("Saved. Read the post")
        await expect(heading).to_have_count(0)
        assert (await site.visitor.data(f"/api/posts/{slug}"))["title"] == "Mine"

    async def test_one_can_go_on_from_theirs_with_mine_in_sight(self, page: Page, site: Site) -> None:
        slug = await self.conflict(page, site)

        await page.get_by_role("button", name="Go on from theirs").click()

        await expect(page.get_by_label("Title")).to_be_focused()
        await expect(page.get_by_label("Title")).to_have_value("Theirs")
        await expect(page.locator("#conflict blockquote")).to_contain_text("My text.")
        await write(page, "Ours", "Their text, and mine.")
        await page.get_by_role("button", name="Put mine away").click()
        await expect(page.locator("#conflict")).to_be_hidden()
        await save(page)
        await expect(page.get_by_role("status")).to_have_text("Saved. Read the post")
        assert (await site.visitor.data(f"/api/posts/{slug}"))["text"] == "Their text, and mine."

    async def test_theirs_can_change_once_more(self, page: Page, site: Site, heading: Locator) -> None:
        slug = await self.conflict(page, site)
        await expect(heading).to_be_focused()
        await site.visitor.edit(slug, "Theirs again", "A third text.")

        await page.get_by_role("button", name="Save mine instead").click()

        await expect(page.locator("#conflict blockquote")).to_contain_text("A third text.")

    async def test_theirs_that_cannot_be_read_can_be_asked_for_again(
        self, page: Page, site: Site, heading: Locator
    ) -> None:
        slug = await site.publish()
        await open_to_edit(page, slug)
        await site.visitor.edit(slug, "Theirs", "Their text.")
        await page.route("**/api/posts/*?fresh=*", lambda route: route.abort())
        await write(page, "Mine", "My text.")
        await save(page)
        trouble = page.get_by_role("alert")
        await expect(trouble).to_have_count(1)
        await expect(trouble).to_contain_text("could not be reached")

        await page.unroute("**/api/posts/*?fresh=*")
        await page.get_by_role("button", name="Try again").click()

        await expect(heading).to_be_visible()
        await expect(page.locator("#conflict")).to_be_focused()


class TestPhotographs:
    async def test_one_that_was_uploaded_shows_up_without_a_reload(self, page: Page, site: Site) -> None:
        await page.goto("/write.html")
        await write(page, "On engines", "A text.")
        await page.get_by_label("Your name").fill("Ada")
        [row] = await (await choose(page, PHOTO)).all()
        await page.get_by_label("What does it show? (IMG_1.jpg)").fill("An engine")
        await page.get_by_role("button", name="Publish").click()
        await expect(row).to_contain_text("Being prepared")

        await site.prepare_photos()

        image = row.locator("img")
        await expect(image).to_have_js_property("complete", value=True)
        assert await image.evaluate("image => image.naturalWidth") > 0
        await expect(row).to_have_text("An engine")
        await expect(page.get_by_role("status")).to_have_text("An engine is ready")
        await page.get_by_role("link", name="Read the post").click()
        await expect(page.get_by_role("img", name="An engine")).to_be_visible()

    async def test_a_hostile_file_is_refused_with_a_reason(self, page: Page, site: Site) -> None:
        await open_to_edit(page, await site.publish())
        row = await choose(page, {"name": "bomb.png", "mimeType": "image/png", "buffer": bomb().data})
        await save(page)
        await expect(row).to_contain_text("Being prepared")

        await site.prepare_photos()

        await expect(row).to_contain_text("Refused: the image has far too many pixels")
        await expect(page.get_by_role("status")).to_contain_text("bomb.png was refused")

    async def test_those_of_before_are_there_and_new_ones_make_no_new_version(self, page: Page, site: Site) -> None:
        slug = await site.publish()
        await open_to_edit(page, slug)
        rows = await choose(page, PHOTO, {**PHOTO, "name": "IMG_2.jpg"})
        await save(page)
        await expect(rows.get_by_text("Being prepared")).to_have_count(2)
        await site.prepare_photos()
        await expect(rows.locator("img")).to_have_count(2)

        await page.reload()

        await expect(rows.locator("img")).to_have_count(2)
        assert (await site.visitor.data(f"/api/posts/{slug}"))["version"] == 1

    @pytest.mark.parametrize(
        ("file", "reason"),
        [
            ({"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"}, "This is no JPEG, PNG, WebP or GIF."),
            ({"name": "none.png", "mimeType": "image/png", "buffer": b""}, "This file is empty."),
            (
                {"name": "huge.png", "mimeType": "image/png", "buffer": bytes(10 * 2**20 + 1)},
                "This file is larger than 10 MiB.",
            ),
        ],
        ids=["type", "empty", "size"],
    )
    async def test_what_cannot_be_one_is_not_uploaded(
        self, file: FilePayload, reason: str, page: Page, site: Site
    ) -> None:
        await open_to_edit(page, await site.publish())

        row = await choose(page, file)

        await expect(row).to_contain_text(reason)
        await expect(page.get_by_role("status")).to_have_text(f"{file['name']}: {reason}")
        await save(page)
        await expect(page.get_by_role("status")).to_have_text("Saved. Read the post")
        assert site.around.bucket.objects == {}

    async def test_one_can_be_taken_back_before_it_is_uploaded(self, page: Page, site: Site) -> None:
        await open_to_edit(page, await site.publish())
        row = await choose(page, PHOTO)

        await page.get_by_role("button", name="Remove IMG_1.jpg").click()

        await expect(row).to_have_count(0)
        await expect(page.get_by_label("Choose photographs")).to_be_focused()

    async def test_an_upload_that_broke_off_can_be_tried_again(self, page: Page, site: Site) -> None:
        tries = count(1)

        async def fail_once(route: Route) -> None:
            await (route.abort() if next(tries) == 1 else route.continue_())

        await page.route("**/bucket", fail_once)
        await open_to_edit(page, await site.publish())
        row = await choose(page, PHOTO)
        await save(page)
        await expect(row.get_by_role("alert")).to_contain_text("could not be reached")

        await row.get_by_role("button", name="Try again").click()

        await expect(row).to_contain_text("Being prepared")
        assert len(site.around.bucket.objects) == 1
        assert len([one for one in site.around.blog.items.values() if one.kind == "photo"]) == 1

    async def test_one_whose_name_is_longer_than_a_text_may_be_is_uploaded(self, page: Page, site: Site) -> None:
        await open_to_edit(page, await site.publish())
        row = await choose(page, {**PHOTO, "name": "x" * 200 + ".jpg"})

        await save(page)

        await expect(row).to_contain_text("Being prepared")

    async def test_one_that_is_seen_before_the_answer_comes_is_shown_once(self, page: Page, site: Site) -> None:
        seen = asyncio.Event()

        async def answer_late(route: Route) -> None:
            answer = await route.fetch()
            if route.request.method == "POST" and "IMG_2" in (route.request.post_data or ""):
                await seen.wait()
            await route.fulfill(response=answer)

        await page.route("**/photos", answer_late)
        await open_to_edit(page, await site.publish())
        rows = await choose(page, PHOTO, {**PHOTO, "name": "IMG_2.jpg"})
        await save(page)
        await expect(rows).to_have_count(3)  # who looks now sees a photograph that the page has not been told of
        seen.set()

        await expect(rows).to_have_count(2)
        await expect(rows.get_by_text("Being prepared")).to_have_count(2)
        await site.prepare_photos()
        await expect(rows.locator("img")).to_have_count(2)

    async def test_nobody_leaves_an_upload_without_being_asked(self, page: Page, site: Site) -> None:
        uploading = asyncio.Event()

        async def take_late(route: Route) -> None:
            await uploading.wait()
            await route.continue_()

        page.on("dialog", lambda dialog: dialog.dismiss())
        await page.route("**/bucket", take_late)
        await open_to_edit(page, await site.publish())
        row = await choose(page, PHOTO)
        async with page.expect_request("**/bucket"):
            await save(page)

        async with page.expect_event("dialog"):
            await page.evaluate("() => void location.reload()")

        uploading.set()
        await expect(row).to_contain_text("Being prepared")
