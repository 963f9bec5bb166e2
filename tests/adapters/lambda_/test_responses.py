"""What Lambda is told, for every source ("Implementing partial batch responses", and semantics.md §1.1)."""

from collections.abc import Callable

import pytest

from eventkit import App, DecodeError, Queue, Stream
from eventkit.testing import s3_record, s3_test_event, sqs_event, stream_record
from eventkit_lambda._response import InvocationFailed
from tests.adapters.lambda_.harness import (
    DONE,
    FLAVOURS,
    OUTAGE,
    Functions,
    Json,
    Service,
    app_of,
    behave,
    data_stream,
    failed,
    fifo,
    message,
    messages,
    notification,
    photo,
    photo_by_eventbridge,
    stream,
)

every_flavour = pytest.mark.parametrize("flavour", FLAVOURS)


class Tried(list[str]):
    """Notes the texts that it is called with, and does what they say."""

    def __call__(self, text: str) -> None:
        self.append(text)
        behave(text)


@every_flavour
@pytest.mark.parametrize(
    "event", [messages("done"), fifo("a/done"), stream("done"), data_stream("done"), notification("done")]
)
def test_success_names_no_failures(functions: Functions, flavour: str, event: Json) -> None:
    assert functions(app_of(behave, flavour))(event) == DONE


@every_flavour
def test_of_a_standard_queue_each_failed_message_is_named_and_all_are_tried(functions: Functions, flavour: str) -> None:
    tried = Tried()

    response = functions(app_of(tried, flavour))(messages("raise:1", "done:2", "retry:3", "exit:4", "done:5"))

    assert response == failed("m1", "m3", "m4")
    assert tried == ["raise:1", "done:2", "retry:3", "exit:4", "done:5"]


@every_flavour
def test_of_a_fifo_queue_a_failure_holds_the_rest_of_its_group_only(functions: Functions, flavour: str) -> None:
    tried = Tried()

    response = functions(app_of(tried, flavour))(
        fifo("a/done:1", "a/raise:2", "b/done:3", "a/done:4", "b/done:5", "a/done:6")
    )

    assert response == failed("m2", "m4", "m6")
    assert tried == ["done:1", "raise:2", "done:3", "done:5"]


@every_flavour
def test_of_a_fifo_queue_a_rejected_message_that_is_kept_lets_its_group_go_on(
    functions: Functions, flavour: str
) -> None:
    tried, service = Tried(), Service()

    response = functions(app_of(tried, flavour), service)(fifo("a/reject:1", "a/done:2"))

    assert response == DONE
    assert tried == ["reject:1", "done:2"]
    assert [identifier for _, identifier, _ in service.parked] == ["m1"]


@every_flavour
def test_of_a_fifo_queue_a_rejected_message_that_cannot_be_kept_holds_its_group(
    functions: Functions, flavour: str
) -> None:
    tried = Tried()

    response = functions(app_of(tried, flavour), Service(park=OUTAGE))(fifo("a/reject:1", "a/done:2", "b/done:3"))

    assert response == failed("m1", "m2")
    assert tried == ["reject:1", "done:3"]


@every_flavour
@pytest.mark.parametrize("what", ["raise", "retry", "retry 7", "reject", "exit"])
@pytest.mark.parametrize("batch", [stream, data_stream])
def test_of_a_stream_the_first_failure_alone_is_named_and_nothing_after_it_is_tried(
    functions: Functions, flavour: str, what: str, batch: Callable[..., Json]
) -> None:
    tried = Tried()

    response = functions(app_of(tried, flavour))(batch("done:1", f"{what}:2", "done:3", f"{what}:4"))

    assert response == failed("s2")
    assert tried == ["done:1", f"{what}:2"]


@every_flavour
@pytest.mark.parametrize("concurrency", [None, 5])
def test_of_a_stream_with_keys_a_failure_holds_back_its_key_and_the_lowest_one_is_named(
    functions: Functions, flavour: str, concurrency: int | None
) -> None:
    """So what was handled behind it comes again: Lambda knows one place in a shard, and no keys."""
    tried = Tried()
    app = keyed_app_of(tried, flavour, concurrency)

    response = functions(app)(data_stream("done:a", "done:b", "raise:b", "done:a", "done:b", "retry:a", "done:c"))

    assert response == failed("s3")
    assert sorted(tried) == sorted(["done:a", "done:b", "raise:b", "done:a", "retry:a", "done:c"])
    assert [text for text in tried if text.endswith("a")] == ["done:a", "done:a", "retry:a"]


def keyed_app_of(do: Callable[[str], object], flavour: str, concurrency: int | None) -> App:
    app = App("app")
    clicks = Stream[str]("clicks", order_by=lambda record: record.partition_key)

    def plain(text: str) -> None:
        do(text)

    async def on_loop(text: str) -> None:
        do(text)

    timeout = 60 if flavour == "mixed" else None
    app.on(clicks, timeout=timeout, concurrency=concurrency)(on_loop if flavour == "async" else plain)
    return app


@every_flavour
@pytest.mark.parametrize("event_of", [notification, photo, photo_by_eventbridge])
@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("raise", "1 of 1 records failed; the first is to be retried after ValueError"),
        ("retry", "1 of 1 records failed; the first is to be retried"),
        ("reject", "1 of 1 records failed; the first is rejected: no good"),
    ],
)
def test_what_has_one_record_fails_as_a_whole_with_a_sentence(
    functions: Functions, flavour: str, event_of: Callable[[str], Json], what: str, sentence: str
) -> None:
    with pytest.raises(InvocationFailed) as failure:
        functions(app_of(behave, flavour))(event_of(what))

    assert str(failure.value) == sentence


def test_a_failure_keeps_its_cause(functions: Functions) -> None:
    with pytest.raises(InvocationFailed) as failure:
        functions(app_of(behave))(notification("raise"))

    assert isinstance(failure.value.__cause__, ValueError)


@pytest.mark.parametrize(
    "event", [photo("done"), photo_by_eventbridge("done"), notification("done"), s3_test_event("photos")]
)
def test_what_has_one_record_succeeds_without_failures(functions: Functions, event: Json) -> None:
    assert functions(app_of(behave))(event) == DONE


@every_flavour
def test_no_records_are_a_success(functions: Functions, flavour: str) -> None:
    assert functions(app_of(behave, flavour))({"Records": []}) == DONE


@pytest.mark.parametrize("event", [None, [], "text", 1, {}, {"Records": None}, {"Records": {}}, {"hello": "world"}])
def test_an_unknown_event_is_an_error_of_its_sender(functions: Functions, event: object) -> None:
    with pytest.raises(DecodeError, match="this is not an event of SQS"):
        functions(app_of(behave))(event)


@every_flavour
@pytest.mark.parametrize("identifier", [None, "", 7])
def test_a_failed_message_that_has_no_id_fails_the_whole(
    functions: Functions, flavour: str, identifier: object
) -> None:
    event = sqs_event(message("done", 1), message("raise", 2) | {"messageId": identifier})

    with pytest.raises(InvocationFailed, match="1 of 2 records failed"):
        functions(app_of(behave, flavour))(event)


def test_a_message_without_id_that_is_handled_harms_nobody(functions: Functions) -> None:
    event = sqs_event(message("raise", 1), message("done", 2) | {"messageId": None})

    assert functions(app_of(behave))(event) == failed("m1")


def test_a_failed_change_without_sequence_number_fails_the_whole(functions: Functions) -> None:
    record = stream_record("INSERT", "todos", keys={"what": "raise"}, new={"what": "raise"})
    change = record["dynamodb"]
    assert isinstance(change, dict)
    del change["SequenceNumber"]

    with pytest.raises(InvocationFailed):
        functions(app_of(behave))(sqs_event(record))


@every_flavour
def test_a_null_record_fails_the_whole_because_nothing_names_it(functions: Functions, flavour: str) -> None:
    tried = Tried()

    with pytest.raises(InvocationFailed, match="1 of 3 records failed; the first is rejected: a record is not an obj"):
        functions(app_of(tried, flavour))({"Records": [None, message("done:1", 1), message("done:2", 2)]})

    assert tried == ["done:1", "done:2"]


def test_records_of_several_sources_are_named_where_they_have_ids_and_else_fail_the_whole(functions: Functions) -> None:
    handler = functions(app_of(behave))
    good, bad = (s3_record("ObjectCreated:Put", "photos", key) for key in ("done", "raise"))

    assert handler(sqs_event(message("raise"), good)) == failed("m1")
    with pytest.raises(InvocationFailed):
        handler(sqs_event(message("done"), bad))


def test_a_message_that_cannot_be_decoded_is_rejected_and_its_neighbours_are_handled(functions: Functions) -> None:
    service = Service(park=OUTAGE)

    response = functions(app_of(behave), service)(sqs_event(message("done", 1), message("done", 2) | {"body": None}))

    assert response == failed("m2")


def test_a_message_that_nobody_takes_is_rejected(functions: Functions) -> None:
    service = Service()

    response = functions(App("empty"), service)(messages("done"))

    assert response == DONE
    assert [identifier for _, identifier, _ in service.parked] == ["m1"]


def test_what_a_handler_returns_is_never_the_response(functions: Functions) -> None:
    app = App("app")

    @app.on(Queue[str]("jobs"))
    def returning(_: str) -> dict[str, object]:
        return {"failedItems": ["m1"]}

    assert functions(app)(messages("anything")) == DONE
