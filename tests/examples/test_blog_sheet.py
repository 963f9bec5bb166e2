"""The contact sheet: what is on it, whatever the files are called."""

from io import BytesIO
from pathlib import Path

from PIL import Image

from examples.blog._photographs import Picture, troublemakers
from examples.blog._results import Refusal
from examples.blog._sheet import Entry, Invoked, Sheet, write_sheet
from tests.examples.page import Page, read_page

PATH = ("sqs:blog-photos", "sns:blog-photos", "s3:photos")


def jpeg() -> bytes:
    file = BytesIO()
    Image.new("RGB", (8, 6), "red").save(file, "JPEG")
    return file.getvalue()


def made(name: str, about: str = "a photograph", *, agrees: bool = True) -> Entry:
    return Entry(Picture(name, jpeg(), about, "somebody, CC0"), jpeg(), None, PATH, 0.0123, 0.456, agrees)


def refused(picture: Picture, reason: str = "broken") -> Entry:
    return Entry(picture, None, Refusal(reason, "make_thumbnail"), PATH, 0.001, 0.002, agrees=True)


def page_of(folder: Path, *entries: Entry, faults: tuple[str, ...] = ()) -> Page:
    invocations = [Invoked(10, 1.5, cold=True, response='{"batchItemFailures": []}')]
    return read_page(write_sheet(folder / "sheet", Sheet(entries, invocations, faults)))


def test_originals_thumbnails_and_timings_are_on_the_page(tmp_path: Path) -> None:
    page = page_of(tmp_path, made("cat.jpg", "a cat"))

    assert page.images == {
        "originals/01.jpg": "a cat, the original",
        "thumbnails/01.jpg": "a cat, the thumbnail",
    }
    assert all((tmp_path / "sheet" / address).read_bytes() == jpeg() for address in page.images)
    assert "cat.jpg 12 456 sqs:blog-photos ← sns:blog-photos ← s3:photos done ✓ the same" in page.text
    assert "Both runtimes agree" in page.text


def test_rejected_files_have_their_reasons_and_a_bomb_is_not_shown(tmp_path: Path) -> None:
    broken, bomb = troublemakers([])

    page = page_of(tmp_path, refused(broken, "damaged"), refused(bomb, "too many pixels"))

    assert page.cards == ["refusal", "refusal"]
    assert "damaged" in page.text
    assert "too many pixels" in page.text
    assert list(page.images) == ["originals/01.jpg"]


def test_names_and_reasons_are_text_and_never_markup(tmp_path: Path) -> None:
    page = page_of(
        tmp_path,
        made('<img src="x">$way.jpg', '"><script>'),
        refused(Picture("<b>.png", b"", "</li>"), "<i>"),
        faults=("<u>",),
    )

    assert set(page.images) == {"originals/01.jpg", "thumbnails/01.jpg"}
    assert '<img src="x">$way.jpg' in page.text
    assert "<u>" in page.text


def test_what_went_wrong_stands_in_the_place_of_the_agreement(tmp_path: Path) -> None:
    page = page_of(tmp_path, made("cat.jpg", agrees=False), faults=("the thumbnails differ: cat.jpg",))

    assert "Both runtimes agree" not in page.text
    assert "the thumbnails differ: cat.jpg" in page.text
    assert "✗ different" in page.text


def test_the_page_needs_nothing_from_elsewhere(tmp_path: Path) -> None:
    assert page_of(tmp_path, made("cat.jpg")).outside == []


def test_a_new_sheet_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    page_of(tmp_path, made("a.jpg"), made("b.jpg"))
    page_of(tmp_path, made("a.jpg"))

    assert [file.name for file in (tmp_path / "sheet" / "originals").iterdir()] == ["01.jpg"]
