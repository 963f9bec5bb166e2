"""Thousands of broken events: none escapes as anything but our errors, and no neighbour is touched.

Samples are our own and, where they are, those of the corpora. A mutation changes values at random places, also
inside the JSON texts of bodies and messages.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from functools import cache
from gzip import compress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventkit import (
    App,
    Bucket,
    DecodeError,
    Done,
    EventkitError,
    Names,
    Outcome,
    Queue,
    Reject,
    Retry,
    Stream,
    Table,
    Topic,
    attribute,
    decode,
    new,
    partition_key,
)
from eventkit.decode import unwrap
from eventkit.dispatch import Dispatcher
from eventkit.testing import kinesis_record
from tests.core import corpora
from tests.core.aggregates import aggregate
from tests.core.harness import (
    TEST_EVENT,
    Job,
    Json,
    Todo,
    arn,
    change,
    eventbridge,
    facts,
    is_array,
    is_object,
    notification,
    opened,
    raw,
    s3,
    sns,
    sqs,
    todo,
)

Path = tuple[str | int, ...]

GOOD: dict[str, Json] = {
    "sqs": sqs({"id": 7}),
    "sns": sns({"id": 7}),
    "s3": s3("uploads/good.jpg"),
    "dynamodb": change(new=todo(7)),
    "eventbridge": eventbridge(key="uploads/good.jpg"),
    "kinesis": kinesis_record({"id": 7}, "clicks"),
}
"""A neighbour for each service, which is always to be done."""

ATTRIBUTES = {
    "size": {"dataType": "Number", "stringValue": "9"},
    "tag": {"dataType": "Binary", "binaryValue": "YQ=="},
    "kind": {"dataType": "String", "stringValue": "a"},
}
PUBLISHED = {
    "size": {"Type": "Number", "Value": "9"},
    "tags": {"Type": "String.Array", "Value": '["a", 1, null]'},
    "tag": {"Type": "Binary", "Value": "YQ=="},
}
RICH = {
    "id": {"N": "1"},
    "status": {"S": "open"},
    "b": {"B": "YQ=="},
    "m": {"M": {"l": {"L": [{"BOOL": True}, {"NULL": True}, {"SS": ["a"]}, {"NS": ["1"]}, {"BS": ["YQ=="]}]}}},
}

OWN: dict[str, list[object]] = {
    "sqs": [
        sqs({"id": 1, "name": "a"}, messageAttributes=ATTRIBUTES, system={"MessageGroupId": "g"}),
        sqs({"id": 1}, "jobs.fifo", system={"MessageGroupId": "g", "MessageDeduplicationId": "d"}),
        sqs(notification({"id": 1}, MessageAttributes=PUBLISHED)),
        sqs(notification({"Records": [s3(), s3("b")]})),
        sqs({"Records": [s3()]}),
        sqs(TEST_EVENT),
        sqs(eventbridge()),
        sqs(notification(eventbridge())),
    ],
    "sns": [
        sns({"id": 1}, Subject="s", MessageAttributes=PUBLISHED),
        sns({"Records": [s3()]}),
        notification({"id": 1}),
    ],
    "s3": [s3(), s3("a%2Bb+c", "s3:ObjectRemoved:DeleteMarkerCreated", versionId="v"), TEST_EVENT],
    "dynamodb": [
        change(new=RICH),
        change("MODIFY", new=RICH, old=RICH),
        change("REMOVE", old=RICH, userIdentity={"type": "Service", "principalId": "dynamodb.amazonaws.com"}),
    ],
    "eventbridge": [
        eventbridge(),
        eventbridge("Object Deleted", reason="DeleteObject", **{"deletion-type": "Delete Marker Created"}),
        eventbridge("Object Restore Completed", **{"restore-expiry-time": "2021-11-12T00:00:00Z"}),
    ],
    "kinesis": [
        kinesis_record({"id": 1, "name": "a"}, "clicks", key="ada"),
        kinesis_record(compress(b'{"id": 1}'), "clicks"),
        kinesis_record(aggregate([("ada", None, b'{"id": 1}'), ("bob", "7", compress(b'{"id": 2}'))]), "clicks"),
    ],
}
CORPORA = {"sns": ("sns", "sns_envelope")}


@cache
def samples(service: str) -> list[str]:
    """The records of all samples of a service, as JSON texts."""
    found = [json.dumps(ours) for record in OWN[service] for ours in about_ours(deepcopy(record))]
    for file in corpora.files(*CORPORA.get(service, (service,))):
        event: Any = corpora.load(file)
        if file.startswith("eventbridge") and event.get("source") != "aws.s3":
            continue
        records: list[object] = event.get("Records", [event])
        found.extend(json.dumps(ours) for record in records[:3] for ours in about_ours(record))
    return found


def about_ours(record: Any) -> Iterator[object]:  # noqa: ANN401 - any JSON
    """The record, about each of the app's own resources that it can be about."""
    match record:
        case {"eventSource": "aws:sqs"}:
            yield from (record | {"eventSourceARN": arn("sqs", queue)} for queue in ("jobs", "texts"))
        case {"eventSource": "aws:dynamodb"}:
            yield record | {"eventSourceARN": arn("dynamodb", "table/todos/stream/1")}
        case {"eventSource": "aws:kinesis"}:
            yield record | {"eventSourceARN": arn("kinesis", "stream/clicks")}
        case {"s3": {"bucket": bucket}} | {"detail": {"bucket": bucket}}:
            bucket["name"] = "photos"
            yield record
        case {"Sns": envelope} | ({"TopicArn": _} as envelope):
            envelope["TopicArn"] = arn("sns", "posts")
            yield record
        case _:
            yield record


# A mutation is a function of a value.

MUTATIONS: list[Callable[[Any], Any]] = [
    lambda _: None,
    lambda _: True,
    lambda _: 0,
    lambda _: -1.5,
    lambda _: 1e308,
    lambda _: float("nan"),
    lambda _: float("inf"),
    lambda _: 10**400,
    lambda _: "",
    lambda _: "x",
    lambda _: "%",
    lambda _: "%ff+%00",
    lambda _: "\ud800",
    lambda _: "NaN",
    lambda _: "1E+9999999999",
    lambda _: "9" * 5_000,
    lambda _: "٣",
    lambda _: "arn:aws:sqs:us-east-1:123456789012:jobs",
    lambda _: "arn:::::",
    lambda _: "aws:s3",
    lambda _: "[" * 2_000,
    lambda _: "{}",
    lambda _: '{"Type": "Notification", "TopicArn": "", "Message": "", "MessageId": ""}',
    lambda _: '{"Records": [{"eventSource": "aws:s3", "s3": {}, "arn": "arn:aws:s3:::"}]}',
    lambda _: [],
    lambda _: {},
    lambda _: [None],
    lambda _: ["%", "+"],
    lambda _: {"a": {}},
    lambda value: [value],
    lambda value: {"S": value},
    lambda value: [value] * 3,
    json.dumps,
    repr,
    lambda value: value[::-1] if isinstance(value, str) else value,
    lambda value: value[: len(value) // 2] if (isinstance(value, str) or is_array(value)) else value,
    lambda value: value * 2 if (isinstance(value, str) or is_array(value)) else value,
    lambda value: value.swapcase() if isinstance(value, str) else value,
    lambda value: dict(list(value.items())[1:]) if is_object(value) else value,
    lambda value: {f"{name} ": part for name, part in value.items()} if is_object(value) else value,
]


def places(value: object, path: Path = ()) -> Iterator[Path]:
    """Every place in a value."""
    yield path
    if is_object(value):
        for name, part in value.items():
            yield from places(part, (*path, name))
    elif is_array(value):
        for index, part in enumerate(value):
            yield from places(part, (*path, index))


def mutated(value: Any, place: int, mutation: int) -> Any:  # noqa: ANN401 - any JSON
    """The value changed at one place; inside a text that is JSON, every other time."""
    paths = list(places(value))
    path = paths[place % len(paths)]
    if not path:
        return _changed(value, place, mutation)
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = _changed(holder[path[-1]], place // len(paths), mutation)
    return value


def _changed(value: Any, place: int, mutation: int) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, str) and value.startswith("{") and place % 4:
        try:
            return json.dumps(mutated(json.loads(value), place // 4, mutation))
        except (ValueError, RecursionError):
            pass
    return MUTATIONS[mutation](value)


def broken(service: str) -> st.SearchStrategy[tuple[str, list[tuple[int, int]]]]:
    """A sample of the service with what is to be changed in it."""
    change = st.tuples(st.integers(0, 2**20), st.integers(0, len(MUTATIONS) - 1))
    return st.tuples(st.sampled_from(samples(service)), st.lists(change, min_size=1, max_size=3))


def apply(sample: str, changes: list[tuple[int, int]]) -> Any:  # noqa: ANN401 - any JSON
    record = json.loads(sample)
    for place, mutation in changes:
        record = mutated(record, place, mutation)
    return record


# The app has one route per kind of resource, and some that look at everything.


def everything() -> App:
    app = App("app")
    jobs, posts, photos, todos = Queue[Job]("jobs"), Topic[Job]("posts"), Bucket("photos"), Table[Todo]("todos")

    def handle(event: object) -> None:
        assert event is not None

    def look(event: object) -> None:
        assert repr(event)

    app.on(jobs, name="jobs")(handle)
    app.on(posts, name="posts")(handle)
    app.on(photos.any(), name="photos")(look)
    app.on(photos.created(prefix="uploads/"), name="uploads")(look)
    app.on(todos.changed(), name="todos")(look)
    app.on(todos.modified().where(new("status").becomes("open")), name="opened")(look)
    clicks = Stream[Job]("clicks")
    app.on(clicks, name="clicks")(handle)
    app.on(clicks.where(partition_key.startswith("a")), name="clicks of a")(handle)
    texts = Queue[str]("texts")
    for condition in (attribute("size").above(1), attribute("tags").equals("a"), ~attribute("tag").exists()):
        app.on(texts.where(condition), name=str(condition))(handle)
    return app


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@pytest.fixture(scope="module")
def dispatcher(runner: asyncio.Runner) -> Iterator[Dispatcher]:
    manager = opened(everything(), names=Names("app"))
    yield runner.run(manager.__aenter__())
    runner.run(manager.__aexit__(None, None, None))


@pytest.mark.parametrize("service", OWN)
def test_whatever_is_broken_harms_only_itself(service: str, dispatcher: Dispatcher, runner: asyncio.Runner) -> None:
    good = GOOD[service]

    @settings(max_examples=2_000, database=None)
    @given(broken(service))
    def check(case: tuple[str, list[tuple[int, int]]]) -> None:
        record = apply(*case)

        _check_decoding(record, good)
        _check_outcomes(record, good, dispatcher, runner)

    check()


def _check_decoding(record: object, good: Json) -> None:
    with suppress(DecodeError):
        decode(record)
    one, neighbour = decode({"Records": [record, good]}).records
    assert neighbour.error is None
    assert neighbour.events == unwrap(good)
    for event in one.events:
        try:
            facts(event)
        except EventkitError:
            continue


def _check_outcomes(record: object, good: Json, dispatcher: Dispatcher, runner: asyncio.Runner) -> None:
    inline = [dispatcher.handle_inline(raw(one)) for one in (record, good)]

    async def on_the_loop() -> list[Outcome]:
        return [await dispatcher.handle(raw(one)) for one in (record, good)]

    on_loop = runner.run(on_the_loop())
    assert all(isinstance(outcome, Done | Retry | Reject) for outcome in inline)
    assert inline == on_loop
    assert inline[1] == Done()
    assert not isinstance(inline[0], Retry), _cause(inline[0])


def _cause(outcome: Outcome) -> BaseException | None:
    """Why there is a retry: what is broken is the sender's fault, and no time heals it."""
    return outcome.error if isinstance(outcome, Retry) else None
