"""The blog's app behind Lambda's entrypoint and in the poller: thumbnails, invalidations, the welcome mail."""

from collections.abc import Sequence
from io import BytesIO
from typing import ClassVar

import pytest
from PIL import Image

from eventkit import Reject
from eventkit.inject import Overrides
from eventkit.outcomes import DONE
from eventkit.stores.memory import MemoryStore
from eventkit.testing import TestApp
from eventkit.testing.entrance import Entrance
from eventkit.testing.examples import Examples
from eventkit.testing.parity import Fault, ParityContract, Scenario
from eventkit_handlers.thumbnails import thumbnail_key
from examples.blog._items import Photo, Post
from examples.blog._resources import comments, photos, pictures, posts, subscribers
from examples.blog.app import SPECS
from tests.examples.blog.stand_ins import (
    OVERRIDES,
    START,
    Surroundings,
    a_comment,
    a_photo,
    a_post,
    a_subscriber,
    picture,
)

UPLOAD = "uploads/hello/1.png"

KEYS = ("pk", "sk")

each_runtime = pytest.mark.parametrize("runtime", ["lambda", "poller"])


def running(around: Surroundings, runtime: str, store: MemoryStore | None = None) -> TestApp:
    return TestApp(around.app, runtime=runtime, overrides=OVERRIDES, store=store)


def thumbnails_of(key: str) -> set[str]:
    return {thumbnail_key("photos", key, spec) for spec in SPECS}


@each_runtime
class TestThumbnails:
    async def test_an_upload_becomes_thumbnails_in_each_size_and_format(self, runtime: str) -> None:
        around = Surroundings()
        around.bucket.objects[UPLOAD] = picture()

        async with running(around, runtime) as t:
            t.via("sns", "sqs").upload(photos, UPLOAD)
            await t.settle()

            assert list(t.outcomes) == [DONE]
        assert around.bucket.objects.keys() == {UPLOAD, *thumbnails_of(UPLOAD)}
        assert around.photo.status == "ready"
        assert [(size.width, size.height) for size in around.photo.sizes] == [(320, 240), (960, 720), (1200, 900)]
        for size in around.photo.sizes:
            for key, kind in ((size.webp, "webp"), (size.jpeg, "jpeg")):
                assert around.bucket.types[key] == f"image/{kind}"
                with Image.open(BytesIO(around.bucket.objects[key])) as image:
                    assert (image.size, image.format) == ((size.width, size.height), kind.upper())

    async def test_the_post_gets_its_first_photo(self, runtime: str) -> None:
        around = Surroundings()
        around.bucket.objects[UPLOAD] = picture()

        async with running(around, runtime) as t:
            t.upload(photos, UPLOAD)
            await t.settle()

        article = await around.blog.article("hello")
        assert article is not None
        assert article.post.photo is not None
        assert (article.post.photo.id, article.post.photo.sizes) == ("1", around.photo.sizes)

    async def test_sizes_that_a_small_photo_does_not_have_are_not_offered(self, runtime: str) -> None:
        around = Surroundings()
        around.bucket.objects[UPLOAD] = picture(size=(400, 300))

        async with running(around, runtime) as t:
            t.upload(photos, UPLOAD)
            await t.settle()

        assert [size.width for size in around.photo.sizes] == [320, 400]

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (picture("JPEG")[:500], "the image is damaged or of an unsupported kind"),
            (b"#!/bin/sh", "the object is not a readable image (JPEG, PNG, GIF, WEBP, TIFF, BMP)"),
            (b"", "the object is empty"),
        ],
        ids=["damaged", "no image", "empty"],
    )
    async def test_a_refused_file_has_its_reason_in_the_photo_and_beside_the_dead_letter(
        self, runtime: str, data: bytes, reason: str
    ) -> None:
        around = Surroundings()
        around.bucket.objects[UPLOAD] = data

        async with running(around, runtime) as t:
            t.via("sns", "sqs").upload(photos, UPLOAD)
            await t.settle("1h")

            (letter,) = t.dead_letters(photos)
            assert (letter.reason, letter.handler) == (reason, "make_thumbnails")
            assert len(t.calls) == 1
        assert (around.photo.status, around.photo.reason, around.photo.sizes) == ("refused", reason, ())

    async def test_a_file_of_more_than_10_mib_is_refused_unread(self, runtime: str) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.via("sns", "sqs").upload(photos, UPLOAD, size=10 * 2**20 + 1)
            await t.settle()

        assert around.photo.reason == "the object has 10,485,761 bytes; at most 10,485,760 are accepted"

    async def test_an_event_that_comes_again_changes_nothing(self, runtime: str) -> None:
        around = Surroundings()
        around.bucket.objects[UPLOAD] = picture()

        async with running(around, runtime) as t:
            t.via("sns", "sqs").upload(photos, UPLOAD)
            await t.settle()
            once = around.photo, dict(around.bucket.objects), dict(around.blog.items)
            t.via("sns", "sqs").upload(photos, UPLOAD)
            await t.settle()

            assert list(t.outcomes) == [DONE, DONE]
        assert (around.photo, around.bucket.objects, around.blog.items) == once

    async def test_what_is_uploaded_in_a_photos_place_does_not_replace_it(self, runtime: str) -> None:
        around = Surroundings()
        around.bucket.objects[UPLOAD] = picture()

        async with running(around, runtime) as t:
            t.upload(photos, UPLOAD)
            await t.settle()
            thumbnails = {key: around.bucket.objects[key] for key in thumbnails_of(UPLOAD)}
            around.bucket.objects[UPLOAD] = picture(size=(30, 20))
            t.upload(photos, UPLOAD)
            await t.settle()

        assert {key: around.bucket.objects[key] for key in thumbnails_of(UPLOAD)} == thumbnails

    async def test_a_refused_file_whose_event_comes_again_is_rejected_again(self, runtime: str) -> None:
        around = Surroundings()
        around.bucket.objects[UPLOAD] = b"meow"

        async with running(around, runtime) as t:
            for _ in range(2):
                t.via("sns", "sqs").upload(photos, UPLOAD)
                await t.settle()

            first, second = t.dead_letters(photos)
            assert first.reason == second.reason == around.photo.reason

    async def test_an_item_that_cannot_be_written_is_tried_again_before_the_event_is_settled(
        self, runtime: str
    ) -> None:
        around = Surroundings()
        around.bucket.objects[UPLOAD] = b"meow"
        around.blog.failures.append(ConnectionError("no route to the table"))

        async with running(around, runtime) as t:
            t.via("sns", "sqs").upload(photos, UPLOAD)
            await t.settle("1h")

            assert [call.attempt for call in t.calls] == [1, 2]
            assert len(t.dead_letters(photos)) == 1
        assert around.photo.status == "refused"

    async def test_an_upload_that_is_gone_leaves_the_photo_waiting(self, runtime: str) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.upload(photos, UPLOAD)
            await t.settle()

            assert list(t.outcomes) == [DONE]
        assert around.photo.status == "waiting"

    async def test_a_photo_whose_item_comes_late_is_made_when_it_is_there(self, runtime: str) -> None:
        around = Surroundings()
        key = "uploads/hello/2.png"
        around.bucket.objects[key] = picture()

        async with running(around, runtime) as t:
            t.via("sns", "sqs").upload(photos, key)
            await t.settle()
            await around.blog.add(a_photo("2"))
            await t.settle("1m")

        late = await around.blog.photo("hello", "2")
        assert late is not None
        assert late.status == "ready"

    @pytest.mark.parametrize("key", ["uploads/a.png", "uploads/hello/1/2.png", "uploads/hello/1", "uploads//.png"])
    async def test_a_key_that_is_no_photos_is_rejected(self, runtime: str, key: str) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.via("sns", "sqs").upload(photos, key)
            await t.settle()

            (letter,) = t.dead_letters(photos)
        assert letter.reason == "the object's key is not that of a photo"

    async def test_thumbnails_own_events_lead_to_nothing(self, runtime: str) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.via("sns", "sqs").upload(photos, *thumbnails_of(UPLOAD))
            await t.settle()

            assert (list(t.outcomes), list(t.calls)) == ([DONE], [])


READY = a_photo().model_copy(update={"status": "ready"})
EDITED = a_post().model_copy(update={"version": 2, "updated_at": START + 1})

OF_POST = ["/api/posts", "/api/posts/hello", "/api/posts/hello?*", "/api/posts?*"]
OF_PHOTO = ["/api/posts/hello", "/api/posts/hello?*"]
OF_COMMENTS = ["/api/posts/hello/comments", "/api/posts/hello/comments?*"]


@each_runtime
class TestInvalidations:
    @pytest.mark.parametrize("old", [None, a_post()], ids=["published", "edited"])
    async def test_a_post_invalidates_itself_and_the_listing(self, runtime: str, old: Post | None) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.change(posts, new=EDITED, old=old, keys=KEYS)
            await t.settle()

        assert [sorted(paths) for paths in around.cdn.calls] == [OF_POST]

    async def test_a_photo_that_becomes_ready_invalidates_its_post(self, runtime: str) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.change(pictures, new=READY, old=a_photo(), keys=KEYS)
            await t.settle()

        assert [sorted(paths) for paths in around.cdn.calls] == [OF_PHOTO]

    @pytest.mark.parametrize(
        ("new", "old"),
        [
            (a_photo(), None),
            (READY, READY),
            (a_photo().model_copy(update={"status": "refused", "reason": "damaged"}), a_photo()),
        ],
        ids=["announced", "written again", "refused"],
    )
    async def test_photos_that_nobody_sees_invalidate_nothing(
        self, runtime: str, new: Photo, old: Photo | None
    ) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.change(pictures, new=new, old=old, keys=KEYS)
            await t.settle()

            assert list(t.outcomes) == [DONE]
        assert around.cdn.calls == []

    async def test_a_comment_invalidates_the_comments_alone(self, runtime: str) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.change(comments, new=a_comment("1"), keys=KEYS)
            await t.settle()

        assert [sorted(paths) for paths in around.cdn.calls] == [OF_COMMENTS]
        assert around.outbox.sent == []

    async def test_a_subscriber_invalidates_nothing(self, runtime: str) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.change(subscribers, new=a_subscriber(), keys=KEYS)
            await t.settle()

        assert around.cdn.calls == []


@each_runtime
class TestWelcome:
    async def test_a_subscriber_gets_one_mail_with_text_and_html(self, runtime: str) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.change(subscribers, new=a_subscriber(name="<b>Ada</b>"), keys=KEYS)
            await t.settle()

        (mail,) = around.outbox.sent
        assert (mail.to, mail.sender) == ("ada@example.org", "MyBlog <blog@myblog.example>")
        assert mail.subject == "Welcome to MyBlog"
        assert "Hello <b>Ada</b>,\n" in mail.text
        assert "Hello &lt;b&gt;Ada&lt;/b&gt;," in mail.html
        assert 'href="https://myblog.example/"' in mail.html

    @pytest.mark.parametrize("address", ["ada@example.org", "ADA@EXAMPLE.ORG"])
    async def test_the_same_person_gets_no_second_one(self, runtime: str, address: str) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            for one in ("ada@example.org", address):
                t.change(subscribers, new=a_subscriber(one), keys=KEYS)
                await t.settle()

            assert list(t.outcomes) == [DONE, DONE]
        assert len(around.outbox.sent) == 1

    async def test_a_mail_that_did_not_go_out_is_tried_again(self, runtime: str) -> None:
        around = Surroundings()
        around.outbox.failures.append(ConnectionError("the mailer is not there"))

        async with running(around, runtime) as t:
            t.change(subscribers, new=a_subscriber(), keys=KEYS)
            await t.settle("1h")

        assert len(around.outbox.sent) == 1

    async def test_changes_of_a_subscriber_are_no_reason_to_write(self, runtime: str) -> None:
        around = Surroundings()

        async with running(around, runtime) as t:
            t.change(subscribers, new=a_subscriber(name="Ada L."), old=a_subscriber(), keys=KEYS)
            await t.settle()

        assert around.outbox.sent == []


@pytest.mark.parametrize("runtimes", [("lambda", "poller"), ("poller", "lambda")])
async def test_one_runtime_does_not_write_to_whom_the_other_has_written(runtimes: Sequence[str]) -> None:
    around, store = Surroundings(), MemoryStore()

    for runtime in runtimes:
        async with running(around, runtime, store) as t:
            t.change(subscribers, new=a_subscriber(), keys=KEYS)
            await t.settle()

    assert len(around.outbox.sent) == 1


def _subscribed_twice(t: Entrance) -> None:
    for name in ("Ada", "Eve"):
        t.change(subscribers, new=a_subscriber(name=name), keys=KEYS)


def _every_kind(t: Entrance) -> None:
    t.change(posts, new=a_post(), keys=KEYS)
    t.change(pictures, new=READY, old=a_photo(), keys=KEYS)
    t.change(comments, new=a_comment("1"), keys=KEYS)
    t.change(subscribers, new=a_subscriber(), keys=KEYS)


class TestParity(ParityContract):
    """The scenarios of the app's routes play posts, of all the table's kinds of items; further ones play the others."""

    app = Surroundings().app
    overrides: ClassVar[Overrides] = OVERRIDES
    examples: ClassVar[Examples] = {photos: UPLOAD, posts: a_post()}
    scenarios: ClassVar[Sequence[Scenario]] = [
        Scenario("a subscriber twice", _subscribed_twice, order="stream"),
        Scenario("every kind of item", _every_kind, order="stream"),
        Scenario("every kind of item, one failing", _every_kind, (Fault(3, (OSError(),)),), order="stream"),
        Scenario(
            "every kind of item, one rejected", _every_kind, (Fault(4, (Reject("no"),)),), order="stream", keeps=True
        ),
    ]
