"""The demo's parts: waiting, telling, replaying, and pictures."""

import asyncio
from collections.abc import Mapping
from io import BytesIO, StringIO
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from eventkit import Outcome, Reject, Retry, decode
from eventkit.backends import Raw
from eventkit.events import AwsEvent
from eventkit.outcomes import DONE
from eventkit.testing import dynamodb_event, s3_event, s3_record, sqs_event, sqs_record, stream_record
from eventkit_handlers.thumbnails import ThumbnailSpec, make_thumbnail
from eventkit_local.watch import Seen
from examples.blog._acts import differences
from examples.blog._arrivals import Arrivals, subject_of
from examples.blog._photographs import Picture, bomb, cut_short, drawn, photographs
from examples.blog._replay import batches
from examples.blog._seeds import POSTS
from examples.blog._story import Story
from examples.blog._visitor import Reading, UnexpectedAnswerError, visiting


def seen(event: AwsEvent, outcome: Outcome = DONE, handler: str = "make_thumbnails") -> Seen:
    return Seen(event.outermost.id, event.path, event, handler, outcome, 0.1, 1)


def uploaded(key: str, message: int = 1) -> AwsEvent:
    body = s3_event(s3_record("ObjectCreated:Put", "photos", key))
    (event,) = decode(sqs_event(sqs_record(body, "blog-photos", number=message))).events
    return event


def written(key: str) -> AwsEvent:
    record = stream_record("INSERT", "blog", keys={"pk": key, "sk": "post"}, new={"pk": key, "sk": "post"})
    (event,) = decode(dynamodb_event(record)).events
    return event


async def test_waiting_ends_when_the_handler_has_settled_so_many() -> None:
    shown: list[Seen] = []
    arrivals = Arrivals(shown.append)
    waiting = asyncio.create_task(arrivals.wait("make_thumbnails", "a", 2))
    for event, outcome in ((uploaded("b"), DONE), (uploaded("a"), DONE), (uploaded("a"), Reject("broken"))):
        await asyncio.sleep(0)
        assert not waiting.done()
        arrivals(seen(event, outcome))

    assert await waiting
    assert len(shown) == 3


async def test_waiting_gives_up_and_says_so() -> None:
    arrivals = Arrivals(lambda _: None, patience=0)
    arrivals(seen(uploaded("a"), Retry(1)))
    arrivals(seen(uploaded("a"), handler="another"))

    assert not await arrivals.wait("make_thumbnails", "a")


def test_each_record_is_kept_once() -> None:
    arrivals = Arrivals(lambda _: None)
    for event, outcome in ((uploaded("a"), Retry(1)), (uploaded("a"), DONE), (uploaded("a", 2), DONE)):
        arrivals(seen(event, outcome))

    assert len(arrivals.records) == 2


def test_a_delivery_is_about_an_object_or_an_item() -> None:
    assert subject_of(seen(uploaded("uploads/a.jpg"))) == "uploads/a.jpg"
    assert subject_of(seen(written("post#a"))) == "post#a post"


def told() -> tuple[Story, StringIO]:
    said = StringIO()
    return Story(Console(file=said, width=200)), said


def test_a_step_that_went_wrong_says_what_did_not_happen() -> None:
    story, said = told()

    with story.step("The first") as faults:
        faults.append("nobody has come")
    with story.step("The second"):
        pass

    lines = said.getvalue().splitlines()
    assert [line[:12] for line in lines] == ["✗ The first ", "    nobody h", "✓ The second"]


def test_a_rejection_is_shown_with_its_reason() -> None:
    story, said = told()

    story.delivery(seen(uploaded("uploads/a.jpg"), Reject("too big")))
    story.delivery(Seen("1", (), None, None, DONE, 0.0, 1))

    assert "rejected" in said.getvalue()
    assert said.getvalue().splitlines()[-1].strip() == "too big"


def test_a_reading_that_the_edge_did_not_answer_as_expected_is_a_sentence() -> None:
    readings = [Reading(200, b"", {"X-Cache": f"{said} from cloudfront"}, 0.01) for said in ("Miss", "Miss")]

    assert differences("/", readings, ["Miss", "Miss"]) == []
    assert differences("/", readings, ["Miss", "Hit"]) == [
        "/ was a Miss, then a Miss, and should have been a Miss, then a Hit"
    ]


def record(source: str, number: int) -> Raw:
    return {"eventSourceARN": source, "number": number}


def test_lambda_gets_ten_records_of_one_source_at_a_time() -> None:
    records = [*(record("queue", number) for number in range(12)), record("stream", 12), record("queue", 13)]

    found = [[one["number"] for one in batch] for batch in batches(records)]

    assert found == [list(range(10)), [10, 11], [12], [13]]


@pytest.fixture(scope="module")
def pictures() -> Mapping[str, Picture]:
    return drawn()


def test_there_is_a_drawn_picture_for_each_photograph_of_the_posts(pictures: Mapping[str, Picture]) -> None:
    assert {name for post in POSTS for name in post.photos} <= pictures.keys()
    assert len({picture.data for picture in pictures.values()}) == len(pictures)
    for picture in pictures.values():
        with Image.open(BytesIO(picture.data)) as image:
            assert f"image/{(image.format or '').lower()}" == picture.type


def test_pictures_are_drawn_where_the_photographs_cannot_be_fetched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    found = photographs(lines.append, tmp_path / "cache")

    assert found == drawn()
    assert "the photographs could not be fetched; pip said: ERROR: No matching distribution" in lines[-1]
    assert lines[-1].endswith("; pictures are drawn in their place")


def test_pictures_are_drawn_where_the_photographs_cannot_be_kept(tmp_path: Path) -> None:
    lines: list[str] = []
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")

    found = photographs(lines.append, tmp_path / "cache")

    assert found == drawn()
    assert "the photographs could not be kept in" in lines[-1]


async def test_a_blog_that_is_not_there_is_one_clear_error() -> None:
    async with visiting("http://127.0.0.1:9") as visitor:
        with pytest.raises(UnexpectedAnswerError, match=r"GET http://.*:9/api/posts was not answered") as caught:
            await visitor.data("/api/posts")

    assert caught.value.status is None


def test_files_that_are_up_to_no_good_are_small_and_refused(pictures: Mapping[str, Picture]) -> None:
    for picture in (bomb(), cut_short(pictures["rocket"])):
        assert len(picture.data) < 100_000
        with pytest.raises(Reject):
            make_thumbnail(picture.data, ThumbnailSpec())
