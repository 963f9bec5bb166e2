"""The handler that makes thumbnails: what it reads, what it stores and what it leaves alone."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventkit.errors import ConfigurationError
from eventkit.events.s3 import ObjectCreated
from eventkit.outcomes import Reject
from eventkit_handlers.thumbnails import (
    StoredThumbnail,
    Thumbnail,
    ThumbnailSpec,
    in_thread,
    thumbnail_key,
    thumbnail_maker,
    thumbnails_maker,
)
from tests.handlers.pictures import decoded, encoded, plain

SPEC = ThumbnailSpec(size=(32, 32))
MARK = {"eventkit-generated": "thumbnail"}
HOSTILE_KEYS = [
    "../../etc/passwd",
    "/absolute",
    "a//b",
    "..",
    ".",
    "/",
    "\x00",
    "a\r\nX-Header: b",
    "-",
    "con.jpg",
    ".hidden",
    "name.",
    "a.tar.gz",
    "..\\..\\x",
    "\u202egnp.exe",
    "é" * 512,
    "x" * 1024,
    "\ud800.png",
    "🐈.jpg",
    "a b+c%2B.jpg",
]


@dataclass
class StoredObject:
    data: bytes
    content_type: str = "image/png"
    metadata: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass
class MemoryStore:
    """Objects by bucket and key, and a list of the keys that were read."""

    objects: dict[tuple[str, str], StoredObject] = field(default_factory=dict[tuple[str, str], StoredObject])
    read: list[str] = field(default_factory=list[str])

    async def get(self, bucket: str, key: str, *, limit: int) -> tuple[bytes, Mapping[str, str]] | None:
        self.read.append(key)
        found = self.objects.get((bucket, key))
        return (found.data[:limit], found.metadata) if found else None

    async def put(self, bucket: str, key: str, data: bytes, *, content_type: str, metadata: Mapping[str, str]) -> None:
        self.objects[bucket, key] = StoredObject(data, content_type, metadata)

    def others_than(self, *keys: str) -> list[str]:
        return [key for _, key in self.objects if key not in keys]


def store_with(key: str, data: bytes | None = None) -> MemoryStore:
    return MemoryStore({("photos", key): StoredObject(encoded(plain()) if data is None else data)})


def created(key: str, bucket: str = "photos", size: int | None = None) -> ObjectCreated:
    details = {"key": quote_plus(key, errors="surrogatepass")} | ({} if size is None else {"size": size})
    record: dict[str, object] = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": bucket}, "object": details},
    }
    return ObjectCreated(record, key=key)


async def test_a_thumbnail_is_stored_beside_the_original() -> None:
    store = store_with("uploads/cat.png")

    stored = await thumbnail_maker(store, SPEC)(created("uploads/cat.png"))

    [key] = store.others_than("uploads/cat.png")
    assert key == thumbnail_key("photos", "uploads/cat.png", SPEC)
    assert stored == StoredThumbnail("photos", key, 32, 24, "image/jpeg", "photos", "uploads/cat.png")
    thumbnail = store.objects["photos", key]
    assert decoded(thumbnail.data).size == (32, 24)
    assert thumbnail.content_type == "image/jpeg"
    assert thumbnail.metadata == MARK


async def test_a_repeated_event_stores_the_same_bytes_under_the_same_key() -> None:
    store = store_with("cat.png")
    make = thumbnail_maker(store, SPEC)

    await make(created("cat.png"))
    first = dict(store.objects)
    await make(created("cat.png"))

    assert store.objects == first


async def test_events_in_the_wrong_order_leave_the_thumbnail_of_what_is_there_now() -> None:
    store = store_with("cat.png", encoded(plain((40, 20))))
    older, newer = created("cat.png", size=1), created("cat.png", size=2)

    await thumbnail_maker(store, SPEC)(newer)
    stored = await thumbnail_maker(store, SPEC)(older)

    assert stored is not None
    assert (stored.width, stored.height) == (32, 16)


async def test_another_bucket_can_take_the_thumbnails() -> None:
    store = store_with("thumbnails/cat.png")

    stored = await thumbnail_maker(store, SPEC, bucket="small")(created("thumbnails/cat.png"))

    assert stored is not None
    assert ("small", stored.key) in store.objects


async def test_the_renderer_is_given() -> None:
    async def render(data: bytes, specs: Sequence[ThumbnailSpec]) -> Sequence[Thumbnail]:
        return [Thumbnail(data[::-1], *spec.size) for spec in specs]

    store = store_with("cat.png", b"abc")

    stored = await thumbnail_maker(store, SPEC, render=render)(created("cat.png"))

    assert stored is not None
    assert store.objects["photos", stored.key].data == b"cba"


class TestSeveral:
    async def test_each_spec_has_its_thumbnail_and_the_original_is_read_and_decoded_once(self) -> None:
        store, rendered = store_with("cat.png"), list[int]()

        async def render(data: bytes, specs: Sequence[ThumbnailSpec]) -> Sequence[Thumbnail]:
            rendered.append(len(specs))
            return await in_thread(data, specs)

        specs = [SPEC, ThumbnailSpec(size=(16, 16)), ThumbnailSpec(size=(16, 16), format="WEBP")]
        stored = await thumbnails_maker(store, specs, render=render)(created("cat.png"))

        assert [(one.width, one.height, one.content_type) for one in stored] == [
            (32, 24, "image/jpeg"),
            (16, 12, "image/jpeg"),
            (16, 12, "image/webp"),
        ]
        assert [one.key for one in stored] == [thumbnail_key("photos", "cat.png", spec) for spec in specs]
        assert all(decoded(store.objects["photos", one.key].data).size == (one.width, one.height) for one in stored)
        assert (store.read, rendered) == (["cat.png"], [3])

    async def test_there_are_none_of_an_object_that_is_gone(self) -> None:
        assert list(await thumbnails_maker(MemoryStore(), [SPEC])(created("cat.png"))) == []

    async def test_the_narrowest_limit_counts_for_all(self) -> None:
        store = store_with("cat.png", b"x" * 12)
        specs = [SPEC, ThumbnailSpec(max_bytes=10)]

        with pytest.raises(Reject, match="more than 10 bytes"):
            await thumbnails_maker(store, specs)(created("cat.png"))

    @pytest.mark.parametrize("specs", [[], [SPEC, ThumbnailSpec(size=(32, 32), quality=10)]], ids=["none", "one key"])
    def test_specs_that_make_no_sense_together_are_refused(self, specs: Sequence[ThumbnailSpec]) -> None:
        with pytest.raises(ConfigurationError, match="no two"):
            thumbnails_maker(MemoryStore(), specs)


class TestNothingToDo:
    async def test_an_object_that_is_gone(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)

        assert await thumbnail_maker(MemoryStore(), SPEC)(created("cat.png")) is None

        [entry] = caplog.records
        assert (entry.levelno, entry.getMessage()) == (logging.INFO, "thumbnail.original_gone")
        assert vars(entry)["key"] == "cat.png"

    async def test_a_folder_marker(self) -> None:
        store = store_with("uploads/", b"")

        assert await thumbnail_maker(store, SPEC)(created("uploads/", size=0)) is None

    async def test_a_key_under_the_own_prefix_is_not_even_read(self) -> None:
        store = store_with("thumbnails/cat.png")

        assert await thumbnail_maker(store, SPEC)(created("thumbnails/cat.png")) is None

        assert store.read == []

    async def test_a_thumbnail_of_any_maker(self) -> None:
        store = store_with("elsewhere/cat.png")
        store.objects["photos", "elsewhere/cat.png"].metadata = {**MARK, "more": "x"}

        assert await thumbnail_maker(store, SPEC)(created("elsewhere/cat.png")) is None

    async def test_two_makers_on_one_bucket_do_not_feed_each_other(self) -> None:
        store = store_with("cat.png")
        makers = [thumbnail_maker(store, SPEC, prefix=prefix) for prefix in ("small/", "large/")]
        waiting = ["cat.png"]
        seen: set[str] = set()

        while waiting:
            key = waiting.pop()
            seen.add(key)
            for make in makers:
                await make(created(key))
            waiting += [name for name in store.others_than() if name not in seen and name not in waiting]

        assert len(store.objects) == 3

    @pytest.mark.parametrize("key", HOSTILE_KEYS)
    async def test_one_upload_gives_at_most_one_thumbnail(self, key: str) -> None:
        store = store_with(key)
        make = thumbnail_maker(store, SPEC)

        await make(created(key))
        for name in store.others_than(key):
            await make(created(name))

        assert len(store.objects) == (1 if key.endswith("/") else 2)


class TestRejects:
    async def test_an_object_that_states_too_large_a_size_is_not_read(self) -> None:
        store = store_with("cat.png")

        with pytest.raises(Reject, match=r"2,000 bytes; at most 1,000"):
            await thumbnail_maker(store, ThumbnailSpec(max_bytes=1000))(created("cat.png", size=2000))

        assert store.read == []

    async def test_an_object_that_is_larger_than_it_states(self) -> None:
        store = store_with("cat.png", bytes(2000))

        with pytest.raises(Reject, match="more than 1,000 bytes"):
            await thumbnail_maker(store, ThumbnailSpec(max_bytes=1000))(created("cat.png", size=10))

    async def test_an_object_of_exactly_the_largest_size_is_taken(self) -> None:
        data = encoded(plain())
        store = store_with("cat.png", data)

        spec = ThumbnailSpec(max_bytes=len(data))

        assert await thumbnail_maker(store, spec)(created("cat.png", size=len(data)))

    async def test_an_object_that_is_no_image_stores_nothing(self) -> None:
        store = store_with("cat.png", b"meow")

        with pytest.raises(Reject, match="not a readable image"):
            await thumbnail_maker(store, SPEC)(created("cat.png"))

        assert store.others_than("cat.png") == []


@pytest.mark.parametrize(
    "prefix",
    ["", "/", "//", "thumbnails", "/thumbnails/", "a//b/", "../", "a/../", "./", "a/./", "é/", "a b/", "\n/", "a/\n"],
)
def test_a_prefix_that_is_no_folder_of_its_own_is_refused(prefix: str) -> None:
    with pytest.raises(ConfigurationError, match="folder of their own"):
        thumbnail_maker(MemoryStore(), prefix=prefix)


@pytest.mark.parametrize("prefix", ["thumbnails/", "a/b/c/", "...a/", "size=small/", "x" * 255 + "/"])
def test_a_prefix_of_one_or_more_folders_is_taken(prefix: str) -> None:
    thumbnail_maker(MemoryStore(), prefix=prefix)


def test_a_prefix_that_leaves_no_room_for_the_key_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="at most 256"):
        thumbnail_maker(MemoryStore(), prefix="x" * 256 + "/")


class TestKeys:
    def test_a_key_can_be_read_by_people(self) -> None:
        key = thumbnail_key("photos", "uploads/My cat (1).jpeg", ThumbnailSpec(format="WEBP"))

        assert re.fullmatch(r"thumbnails/My-cat-1-[0-9a-f]{32}-256x256\.webp", key)

    @given(st.text(st.characters(), min_size=1, max_size=1024), st.text(min_size=1, max_size=63))
    @example("é" * 512, "photos")
    @example("\ud800", "photos")
    def test_every_key_gives_a_safe_one(self, key: str, bucket: str) -> None:
        safe = thumbnail_key(bucket, key, SPEC, "a/b/")

        assert re.fullmatch(r"a/b/[A-Za-z0-9_-]{1,40}-[0-9a-f]{32}-32x32\.jpg", safe)
        assert len(safe.encode()) <= 1024

    @pytest.mark.parametrize("key", HOSTILE_KEYS)
    def test_a_hostile_key_gives_a_safe_one(self, key: str) -> None:
        assert re.fullmatch(r"thumbnails/[A-Za-z0-9_-]+\.jpg", thumbnail_key("photos", key, SPEC))

    @given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.text(min_size=1)), unique=True))
    def test_different_objects_have_different_thumbnails(self, objects: list[tuple[str, str]]) -> None:
        assert len({thumbnail_key(bucket, key, SPEC) for bucket, key in objects}) == len(objects)

    def test_different_sizes_and_formats_have_different_keys(self) -> None:
        specs = [ThumbnailSpec(), ThumbnailSpec(size=(256, 255)), ThumbnailSpec(format="PNG")]

        assert len({thumbnail_key("photos", "cat.png", spec) for spec in specs}) == 3
