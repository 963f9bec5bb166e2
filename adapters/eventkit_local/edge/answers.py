"""What a viewer gets, made from what is stored or has come from an origin. Pure."""

from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from eventkit_local.edge.messages import Head, Request, headers_of
from eventkit_local.edge.ranges import Unsatisfiable, asked_range, partial, unsatisfiable
from eventkit_local.edge.store import Entry
from eventkit_local.edge.transfer import Reader, Transfer
from eventkit_local.edge.validation import is_unchanged_for, not_modified

__all__ = ["Answer", "Result", "as_error", "from_entry", "passed_through", "said"]

_WITHOUT_CONTENT = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Result(StrEnum):
    """What became of a request, in CloudFront's words (`x-edge-result-type` of its access log)."""

    HIT = "Hit"
    REFRESH_HIT = "RefreshHit"
    MISS = "Miss"
    ERROR = "Error"


@dataclass(frozen=True, slots=True)
class Answer:
    """A response to a viewer; `body` must be closed, and is None where there is none."""

    head: Head
    body: Reader | None
    result: Result

    def close(self) -> None:
        """Say that the body is not read, or no further."""
        if self.body is not None:
            self.body.close()


def from_entry(request: Request, entry: Entry, result: Result, now: float) -> Answer:
    """Answer with a stored response: as it is, in part, or with a word that the viewer has it."""
    head, body = entry.head, entry.body
    if result is not Result.MISS:
        head = head.with_fields(Age=str(entry.age(now)))
    length = body.size if body.is_complete else head.length
    if length is not None and head.status not in _WITHOUT_CONTENT:
        head = head.with_fields(Content_Length=str(length))
    part: range | None = None
    if head.status == HTTPStatus.OK:
        head, part = _selected(request, head, length)
    return _answer(head, body.read(part) if _has_content(request, head) else None, result)


def _selected(request: Request, head: Head, length: int | None) -> tuple[Head, range | None]:
    """Apply the viewer's conditions, then its range (RFC 9110, section 13.2.2)."""
    if is_unchanged_for(request, head):
        return not_modified(head), None
    if length is None:
        return head, None
    match asked_range(request, head, length):
        case range() as part:
            return partial(head, part, length), part
        case Unsatisfiable():
            return unsatisfiable(head, length), range(0)
        case None:
            return head, None


def passed_through(request: Request, head: Head, reader: Reader) -> Answer:
    """Answer with what has come from the origin and is not stored."""
    if head.status == HTTPStatus.OK and is_unchanged_for(request, head):
        head = not_modified(head)
    if _has_content(request, head):
        return _answer(head, reader, Result.MISS)
    reader.close()
    return _answer(head, None, Result.MISS)


def said(request: Request, status: HTTPStatus, text: str) -> Answer:
    """Answer in the place of an origin: an error, and what is wrong."""
    content = f"{status.value} {status.phrase}: {text}\n".encode()
    fields = {"Content-Type": "text/plain; charset=utf-8", "Content-Length": str(len(content))}
    head = Head(status, headers_of(fields))
    return _answer(head, Transfer.of(content).read() if _has_content(request, head) else None, Result.ERROR)


def as_error(page: Answer, status: int) -> Answer:
    """Answer with a page in the place of an error."""
    return _answer(Head(status, page.head.headers), page.body, Result.ERROR)


def _has_content(request: Request, head: Head) -> bool:
    return request.method != "HEAD" and head.status not in _WITHOUT_CONTENT


def _answer(head: Head, body: Reader | None, result: Result) -> Answer:
    said = Result.ERROR if head.status >= HTTPStatus.BAD_REQUEST else result
    return Answer(head.with_fields(X_Cache=f"{said} from cloudfront"), body, said)
