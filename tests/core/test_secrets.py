"""What senders write appears in no log, no error and no outcome."""

import json
import logging
from collections.abc import Iterator
from logging import Formatter
from traceback import format_exception
from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from eventkit import (
    App,
    Bucket,
    DecodeError,
    Depends,
    Outcome,
    Queue,
    Reject,
    Retry,
    Table,
    Topic,
    attribute,
    decode,
)
from tests.core.harness import Json, change, eventbridge, handled, handled_inline, ignore, notification, s3, sns, sqs

CANARY = "canary-7f3a"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    id: int
    labels: dict[str, int] = {}

    @field_validator("id")
    @classmethod
    def _is_small(cls, value: int) -> int:
        if value > 100:
            raise ValueError(f"{value} is too big, says {CANARY}")
        return value


def image(**more: object) -> Json:
    return {"id": {"N": "1"}, **more}


def own(kind: str, **value: object) -> Json:
    return sqs({"id": 1}, messageAttributes={"own": {"dataType": kind, **value}})


PLACES: dict[str, object] = {
    "body that is no JSON": sqs(CANARY),
    "body of another type": sqs(json.dumps(CANARY)),
    "value of a field": sqs({"id": CANARY}),
    "key of a dict": sqs({"id": 1, "labels": {CANARY: "x"}}),
    "value in a dict": sqs({"id": 1, "labels": {"a": CANARY}}),
    "extra field": sqs({"id": 1, CANARY: 1}),
    "value that a validator repeats": sqs({"id": 101}),
    "receipt handle": sqs("x", receiptHandle=CANARY),
    "sender id": sqs("x", system={"SenderId": CANARY}),
    "trace header": sqs("x", system={"AWSTraceHeader": CANARY}),
    "message group": sqs("x", system={"MessageGroupId": CANARY}),
    "name of an attribute": sqs({"id": 1}, messageAttributes={CANARY: {"dataType": "Number", "stringValue": "x"}}),
    "type of an attribute": own(CANARY, stringValue="1"),
    "number of an attribute": own("Number", stringValue=CANARY),
    "binary of an attribute": own("Binary", binaryValue=f"{CANARY}!"),
    "unknown field of a record": sqs("x") | {CANARY: CANARY},
    "unknown source": {"eventSource": CANARY},
    "message of a notification": sns({"id": CANARY}),
    "subject": sns("x", Subject=CANARY),
    "signature": sqs(notification("x", Signature=CANARY)),
    "token": sqs(notification("x", Token=CANARY, SubscribeURL=f"https://{CANARY}")),
    "certificate's and unsubscription's address": sns("x", SigningCertUrl=CANARY, UnsubscribeUrl=CANARY),
    "array of an attribute": sns(
        {"id": 1}, MessageAttributes={"own": {"Type": "String.Array", "Value": f'["{CANARY}'}}
    ),
    "message of an unmatched topic": sns(CANARY, "other"),
    "body of an unmatched queue": sqs(CANARY, "other"),
    "text attribute of an item": change(new=image(id={"S": CANARY})),
    "number of an item": change(new=image(id={"N": CANARY})),
    "binary of an item": change(new=image(b={"B": f"{CANARY}!"})),
    "type of an item's attribute": change(new=image(b={CANARY: "x"})),
    "name of an item's attribute": change(new=image(**{CANARY: {"S": "x"}})),
    "set of an item": change(new=image(b={"NS": [CANARY]})),
    "key of an object": s3(f"bad/{CANARY}"),
    "entity tag and version": s3("bad/a", eTag=CANARY, versionId=CANARY),
    "requester": s3("bad/a") | {"requestParameters": {"sourceIPAddress": CANARY}},
    "object without a key": s3(CANARY) | {"s3": {"bucket": {"name": "photos"}, "object": {CANARY: CANARY}}},
    "event name of a change": change(CANARY),
    "detail of an event": eventbridge(key=f"bad/{CANARY}", requester=CANARY),
    "detail without a bucket": eventbridge() | {"detail": {CANARY: CANARY}},
    "S3 records in a body": sqs({"Records": [s3("bad/a"), {CANARY: CANARY, "arn": "arn:aws:s3:::x"}]}),
    "deep nesting": change(new=image(m={"M": {CANARY: {"M": {CANARY: CANARY}}}})),
}


def app() -> App:
    """Handlers that do as they should, and keep quiet; one fails with a payload in its error."""
    found = App("app")
    jobs, photos = Queue[Strict]("jobs"), Bucket("photos")
    found.on(jobs.where(~attribute("own").equals("a")), name="jobs")(ignore)
    found.on(Topic[Strict]("posts").where(~attribute("own").equals("a")), name="posts")(ignore)
    found.on(Table[Strict]("todos").changed(), name="todos")(ignore)

    @found.on(photos.any(), name="photos")
    def fail(photo: Any) -> None:  # noqa: ANN401 - any event
        raise LookupError(f"{photo.key} {photo.record}")

    return found


def said(outcome: Outcome) -> Iterator[str]:
    """What an outcome says of itself, and what is stored beside a message."""
    yield repr(outcome)
    yield str(outcome)
    match outcome:
        case Reject(reason):
            yield reason
            yield repr(outcome.error)
            yield "".join(format_exception(outcome.error)) if outcome.error else ""
        case _:
            pass


def logged(records: list[logging.LogRecord]) -> Iterator[str]:
    """All that any formatter could make of the log records: message, extra values, exception texts."""
    for record in records:
        yield Formatter().format(record)
        yield repr(vars(record))
        yield str([str(value) for value in vars(record).values()])


@pytest.mark.parametrize("place", PLACES)
async def test_what_senders_write_is_not_repeated(place: str, caplog: pytest.LogCaptureFixture) -> None:
    record = PLACES[place]

    with caplog.at_level(logging.DEBUG):
        outcomes = [await handled_inline(app(), record), await handled(app(), record)]

    texts = [*logged(caplog.records), *(text for outcome in outcomes for text in said(outcome))]
    assert [text for text in texts if CANARY in text] == []
    assert [text for text in texts if "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a" in text] == []


@pytest.mark.parametrize("place", PLACES)
def test_the_error_of_a_record_does_not_repeat_what_senders_write(place: str) -> None:
    errors: list[Exception] = []
    for event in (PLACES[place], {"Records": [PLACES[place]]}):
        try:
            errors.extend(record.error for record in decode(event).records if record.error is not None)
        except DecodeError as error:
            errors.append(error)

    for found in errors:
        assert CANARY not in "".join(format_exception(found))
        assert CANARY not in repr(found)


def test_the_places_are_enough() -> None:
    assert len(PLACES) >= 20


async def test_a_dependency_that_fails_does_not_tell_either(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> str:
        raise LookupError(CANARY)

    failing = App("app")

    @failing.on(Queue[Strict]("jobs"))
    def handle(_job: Strict, _text: Annotated[str, Depends(broken)]) -> None: ...

    with caplog.at_level(logging.DEBUG):
        outcome = await handled(failing, sqs({"id": 1}))

    assert isinstance(outcome, Retry)
    assert [text for text in logged(caplog.records) if CANARY in text] == []
    assert CANARY not in repr(outcome) + str(outcome)
