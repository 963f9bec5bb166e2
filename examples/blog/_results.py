"""What the two runtimes left behind, and what is wrong with that. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from eventkit_handlers.thumbnails import thumbnail_key
from examples.blog._photographs import Picture
from examples.blog.app import SPEC, THUMBNAILS, UPLOADS

__all__ = ["Refusal", "Results", "counted", "disagreements", "faults", "key_of", "thumbnail_of"]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file went to the dead-letter queue, as the message there says."""

    reason: str
    handler: str | None


@dataclass(frozen=True, slots=True)
class Results:
    """What a runtime left: thumbnails by their keys, refusals by the uploads' keys, and the messages to retry."""

    thumbnails: Mapping[str, bytes] = field(repr=False)
    refusals: Mapping[str, Refusal]
    retries: frozenset[str] = frozenset()

    def of(self, key: str, thumbnail: str) -> tuple[bytes | None, Refusal | None]:
        """What came of one upload."""
        return self.thumbnails.get(thumbnail), self.refusals.get(key)


def counted(number: int, thing: str) -> str:
    """A number of things in words."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def key_of(picture: Picture) -> str:
    """Where the picture is uploaded."""
    return UPLOADS + picture.name


def thumbnail_of(picture: Picture, bucket: str) -> str:
    """Where its thumbnail belongs."""
    return thumbnail_key(bucket, key_of(picture), SPEC, THUMBNAILS)


def faults(pictures: Sequence[Picture], bucket: str, results: Results, runtime: str) -> list[str]:
    """What did not happen in one runtime, as sentences.

    Each picture has its one thumbnail or its refusal, as it should; nothing else is there, and nothing is left to do.
    """
    belonging = {thumbnail_of(picture, bucket): picture for picture in pictures}
    found = [_fault(picture, results, key) for key, picture in belonging.items()]
    strange = sorted(set(results.thumbnails) - set(belonging))
    return [
        *(f"{runtime}: {fault}" for fault in found if fault),
        *(f"{runtime}: {key} is a thumbnail of nothing that was uploaded" for key in strange),
        *(f"{runtime}: message {message} is to be retried" for message in sorted(results.retries)),
    ]


def _fault(picture: Picture, results: Results, thumbnail: str) -> str | None:
    match thumbnail in results.thumbnails, key_of(picture) in results.refusals, picture.becomes:
        case True, True, _:
            return f"{picture.name!r} has a thumbnail and is in the dead-letter queue, too"
        case False, False, _:
            return f"{picture.name!r} has neither a thumbnail nor a place in the dead-letter queue"
        case True, _, "refusal":
            return f"{picture.name!r} has a thumbnail and should have been rejected"
        case _, True, "thumbnail":
            return f"{picture.name!r} was rejected: {results.refusals[key_of(picture)].reason}"
        case _:
            return None


def disagreements(poller: Results, function: Results) -> list[str]:
    """Where the runtimes differ, as sentences."""
    return [
        *(f"the thumbnails differ: {key}" for key in _differing(poller.thumbnails, function.thumbnails)),
        *(f"the rejections differ: {key}" for key in _differing(poller.refusals, function.refusals)),
        *(f"the responses differ: message {one}" for one in sorted(poller.retries ^ function.retries)),
    ]


def _differing(one: Mapping[str, object], other: Mapping[str, object]) -> Iterable[str]:
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
