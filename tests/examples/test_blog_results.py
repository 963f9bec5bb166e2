"""What the demo counts as not having happened."""

from dataclasses import replace

from examples.blog._photographs import Picture
from examples.blog._results import Refusal, Results, disagreements, faults, thumbnail_of

CAT = Picture("cat.jpg", b"", "a cat")
BOMB = Picture("bomb.png", b"", "a bomb", becomes="refusal")
HOLIDAY = Picture("holiday.jpg", b"", "a holiday", becomes="either")
PICTURES = [CAT, BOMB, HOLIDAY]

REFUSED = Refusal("too many pixels", "make_thumbnail")
GOOD = Results(
    {thumbnail_of(CAT, "photos"): b"small", thumbnail_of(HOLIDAY, "photos"): b"small"}, {"uploads/bomb.png": REFUSED}
)


def found(results: Results) -> list[str]:
    return faults(PICTURES, "photos", results, "poller")


def test_nothing_is_wrong_when_each_file_became_what_it_should() -> None:
    assert found(GOOD) == []


def test_a_picture_of_somebody_s_folder_may_be_rejected() -> None:
    thumbnails = {thumbnail_of(CAT, "photos"): b"small"}

    assert found(replace(GOOD, thumbnails=thumbnails, refusals={**GOOD.refusals, "uploads/holiday.jpg": REFUSED})) == []


def test_a_photograph_without_a_thumbnail_is_a_fault() -> None:
    results = replace(GOOD, thumbnails={thumbnail_of(HOLIDAY, "photos"): b"small"})

    assert found(results) == ["poller: 'cat.jpg' has neither a thumbnail nor a place in the dead-letter queue"]


def test_a_photograph_that_was_rejected_is_a_fault() -> None:
    thumbnails = {thumbnail_of(HOLIDAY, "photos"): b"small"}
    results = replace(GOOD, thumbnails=thumbnails, refusals={**GOOD.refusals, "uploads/cat.jpg": REFUSED})

    assert found(results) == ["poller: 'cat.jpg' was rejected: too many pixels"]


def test_a_hostile_file_with_a_thumbnail_is_a_fault() -> None:
    results = replace(GOOD, thumbnails={**GOOD.thumbnails, thumbnail_of(BOMB, "photos"): b"small"}, refusals={})

    assert found(results) == ["poller: 'bomb.png' has a thumbnail and should have been rejected"]


def test_a_file_with_a_thumbnail_and_a_dead_letter_is_a_fault() -> None:
    results = replace(GOOD, refusals={**GOOD.refusals, "uploads/cat.jpg": REFUSED})

    assert found(results) == ["poller: 'cat.jpg' has a thumbnail and is in the dead-letter queue, too"]


def test_a_thumbnail_of_nothing_is_a_fault() -> None:
    results = replace(GOOD, thumbnails={**GOOD.thumbnails, "thumbnails/other.jpg": b"small"})

    assert found(results) == ["poller: thumbnails/other.jpg is a thumbnail of nothing that was uploaded"]


def test_a_message_to_be_retried_is_a_fault() -> None:
    assert found(replace(GOOD, retries=frozenset({"m-1"}))) == ["poller: message m-1 is to be retried"]


def test_runtimes_with_the_same_results_agree() -> None:
    assert disagreements(GOOD, replace(GOOD, thumbnails=dict(GOOD.thumbnails))) == []


def test_every_difference_between_the_runtimes_is_told() -> None:
    other = Results(
        {**GOOD.thumbnails, thumbnail_of(CAT, "photos"): b"other"},
        {"uploads/bomb.png": Refusal("another reason", "make_thumbnail")},
        frozenset({"m-1"}),
    )

    assert disagreements(GOOD, other) == [
        f"the thumbnails differ: {thumbnail_of(CAT, 'photos')}",
        "the rejections differ: uploads/bomb.png",
        "the responses differ: message m-1",
    ]
