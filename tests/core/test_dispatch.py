"""Records in, outcomes out."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import pytest

from eventkit import (
    App,
    AwsEvent,
    BackendError,
    Backoff,
    Bucket,
    CallNext,
    ConfigurationError,
    Deadline,
    Delivery,
    Done,
    Inserted,
    Modified,
    Names,
    ObjectCreated,
    ObjectRemoved,
    Outcome,
    Queue,
    Reject,
    Removed,
    Retry,
    RouteError,
    Table,
    Topic,
    Unmatched,
    ValidationFailed,
    attribute,
    key,
    new,
)
from eventkit.outcomes import Interrupted
from tests.core.harness import (
    TEST_EVENT,
    AtOnce,
    Job,
    Json,
    Outbox,
    Todo,
    arn,
    change,
    eventbridge,
    handled,
    handled_inline,
    ignore,
    notification,
    opened,
    raw,
    register,
    s3,
    sns,
    sqs,
    todo,
)

jobs = Queue[Job]("jobs")
posts = Topic[Job]("posts")
photos = Bucket("photos")
todos = Table[Todo]("todos")

JOB = sqs({"id": 1})
JSON_OF_JOB = '{"id":1,"name":"widget"}'

Run = Callable[..., Awaitable[Outcome]]
EITHER_WAY = pytest.mark.parametrize("run", [handled, handled_inline], ids=["on the loop", "inline"])


def raising(error: BaseException, retry: Backoff | None = None) -> App:
    """An app whose handler of jobs raises."""
    app = App("app")

    @app.on(jobs, name="handler", retry=retry)
    def handle(_job: Job) -> None:
        raise error

    return app


def collecting() -> tuple[App, list[object]]:
    """An app that keeps what it is given of every resource, and the values."""
    app, got = App("app"), list[object]()
    app.on(jobs, name="jobs")(got.append)
    app.on(posts, name="posts")(got.append)
    app.on(photos.any(), name="photos")(got.append)
    app.on(todos.changed(), name="todos")(got.append)
    return app, got


def sized(text: str) -> Json:
    """A message with a number as attribute."""
    return sqs({"id": 1}, messageAttributes={"size": {"dataType": "Number", "stringValue": text}})


# What reaches a handler.


@EITHER_WAY
@pytest.mark.parametrize(
    ("record", "value"),
    [
        (JOB, Job(id=1)),
        (sns({"id": 2}), Job(id=2)),
        (sqs(notification({"id": 3}), "any-queue"), Job(id=3)),
        (sqs({"id": 4}, "app-posts"), Job(id=4)),
    ],
    ids=["queue", "topic", "topic in queue", "topic raw"],
)
async def test_a_message_becomes_the_users_model(run: Run, record: Json, value: object) -> None:
    app, got = collecting()

    outcome = await run(app, record)

    assert outcome == Done()
    assert got == [value]


@EITHER_WAY
@pytest.mark.parametrize(
    "record",
    [s3(), sqs({"Records": [s3()]}), sns({"Records": [s3()]}), sqs(notification({"Records": [s3()]})), eventbridge()],
    ids=["direct", "SQS", "SNS", "SNS in SQS", "EventBridge"],
)
async def test_the_origin_is_what_routes_and_not_the_transport(run: Run, record: Json) -> None:
    app, got = collecting()

    outcome = await run(app, record)

    assert outcome == Done()
    assert [type(event) for event in got] == [ObjectCreated]


@EITHER_WAY
async def test_a_change_has_typed_images(run: Run) -> None:
    got: list[tuple[Todo, Todo]] = []
    app = App("app")

    @app.on(todos.modified().where(new("status").becomes("done")))
    def handle(change: Modified[Todo]) -> None:
        got.append((change.old, change.new))

    await run(app, change("MODIFY", new=todo(1, "done"), old=todo(1, "open")))
    await run(app, change("MODIFY", new=todo(2, "open"), old=todo(2, "done")))

    assert got == [(Todo(id=1, status="open"), Todo(id=1, status="done"))]


@EITHER_WAY
async def test_a_source_of_several_takes_each(run: Run) -> None:
    got: list[object] = []
    app = App("app")

    @app.on(todos.inserted() | todos.removed() | photos.removed() | jobs)
    def handle(event: Inserted[Todo] | Removed[Todo] | ObjectRemoved | Job) -> None:
        got.append(type(event))

    for record in (change(), change("REMOVE"), change("MODIFY"), s3(name="ObjectRemoved:Delete"), s3(), JOB):
        await run(app, record)

    assert got == [Inserted, Removed, ObjectRemoved, Job]


@EITHER_WAY
async def test_messages_of_a_union_go_to_the_route_of_their_kind(run: Run) -> None:
    got: list[str] = []
    app = App("app")
    kinds = Topic[Job | Todo]("posts")

    @app.on(kinds.of(Job))
    def job(job: Job) -> None:
        got.append(f"job {job.id}")

    @app.on(kinds.of(Todo))
    def a_todo(todo: Todo) -> None:
        got.append(f"todo {todo.id}")

    for message in ({"id": 1, "name": "x"}, {"id": 2, "status": "x"}):
        assert await run(app, sns(message)) == Done()

    assert got == ["job 1", "todo 2"]


@EITHER_WAY
async def test_a_kind_of_a_union_that_no_route_takes_is_rejected(run: Run) -> None:
    app = App("app")
    app.on(Topic[Job | Todo]("posts").of(Job))(ignore)

    outcome = await run(app, sns({"id": 2, "status": "x"}))

    assert outcome == Reject("no route takes this Notification of sns:posts")


@EITHER_WAY
async def test_conditions_on_attributes_decide_between_routes(run: Run) -> None:
    got: list[str] = []
    app = App("app")
    app.on(jobs.where(attribute("size").above(10)), name="big")(lambda _: got.append("big"))
    app.on(jobs.where(attribute("size").at_most(10)), name="small")(lambda _: got.append("small"))

    for size in ("9", "11"):
        await run(app, sized(size))

    assert got == ["small", "big"]


@EITHER_WAY
@pytest.mark.parametrize(
    "condition", [key.startswith("a"), key.endswith("a"), key.equals("a"), new("a").becomes("a")], ids=str
)
async def test_a_condition_on_what_an_event_does_not_have_does_not_hold(run: Run, condition: Any) -> None:  # noqa: ANN401
    app = App("app")
    app.on(jobs.where(condition))(ignore)

    outcome = await run(app, JOB)

    assert outcome == Reject("no route takes this Message of sqs:jobs")


async def test_names_lead_to_the_logical_resource() -> None:
    app, got = collecting()
    names = Names("app", {"QUEUE_JOBS": arn("sqs", "prod-jobs")}, {"POSTS": "prod-feed"})

    good = await handled_inline(app, sqs({"id": 1}, "prod-jobs"), names=names)
    carried = await handled_inline(app, sqs({"id": 2}, "prod-feed"), names=names)
    forged = sqs({"id": 3}, eventSourceARN=arn("sqs", "prod-jobs", account="999999999999"))
    refused = await handled_inline(app, forged, names=names)
    logical = await handled_inline(app, JOB, names=names)

    assert (good, carried) == (Done(), Done())
    assert isinstance(refused, Reject)
    assert isinstance(logical, Reject)
    assert got == [Job(id=1), Job(id=2)]


async def test_two_hundred_forged_origins_are_not_handled() -> None:
    app, got = collecting()
    names = Names(
        "app",
        {
            "QUEUE_JOBS": arn("sqs", "jobs"),
            "TOPIC_POSTS": arn("sns", "posts"),
            "TABLE_TODOS": arn("dynamodb", "table/todos"),
        },
    )

    async with opened(app, names=names) as dispatcher:
        for number in range(50):
            account = f"{number:012}"
            stream = arn("dynamodb", "table/todos/stream/2020-01-01T00:00:00.000", account=account)
            for record in (
                sqs({"id": 1}, eventSourceARN=arn("sqs", "jobs", account=account)),
                sns({"id": 1}, TopicArn=arn("sns", "posts", account=account)),
                sqs(notification({"id": 1}, TopicArn=arn("sns", "posts", account=account))),
                change(eventSourceARN=stream),
            ):
                dispatcher.handle_inline(record)

    assert got == []


# What becomes of it.


@EITHER_WAY
@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Retry(after=5), Retry(5)),
        (Retry(), Retry(1)),
        (Reject("no"), Reject("no")),
        (OSError("it"), Retry(1)),
        (ValidationFailed("it does not fit"), Reject("it does not fit")),
        (AssertionError(), Retry(1)),
        (SystemExit(3), Retry(1)),
        (asyncio.CancelledError(), Retry(1)),
        (TimeoutError(), Retry(1)),
        (RecursionError(), Retry(1)),
        (MemoryError(), Retry(1)),
        (StopIteration(), Retry(1)),
        (ExceptionGroup("several", [OSError()]), Retry(1)),
    ],
    ids=repr,
)
async def test_what_a_handler_raises_becomes_an_outcome(run: Run, error: BaseException, outcome: Outcome) -> None:
    assert await run(raising(error), JOB) == outcome


@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), StopIteration(), OSError()], ids=repr)
async def test_what_an_async_handler_raises_becomes_a_retry(error: BaseException) -> None:
    app = App("app")

    @app.on(jobs)
    async def handle(_job: Job) -> None:
        raise error

    outcome = await handled(app, JOB)

    assert outcome == Retry(1)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), GeneratorExit(), Interrupted()], ids=repr)
async def test_an_interruption_of_the_whole_passes(error: BaseException) -> None:
    async with opened(raising(error)) as dispatcher:
        with pytest.raises(type(error)):
            dispatcher.handle_inline(JOB)


@pytest.mark.parametrize("limited", [False, True])
async def test_a_cancellation_from_outside_passes(*, limited: bool) -> None:
    app = App("app")
    begun = asyncio.Event()

    @app.on(jobs, concurrency=1 if limited else None)
    async def handle(_job: Job) -> None:
        begun.set()
        await asyncio.Event().wait()

    async with opened(app) as dispatcher:
        task = asyncio.ensure_future(dispatcher.handle(JOB))
        await begun.wait()
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task


@EITHER_WAY
async def test_an_outcome_keeps_its_cause_and_its_handler(run: Run) -> None:
    error = OSError()

    retried = await run(raising(error), JOB)
    rejected = await run(raising(Reject("no")), JOB)

    assert isinstance(retried, Retry)
    assert retried.error is error
    assert isinstance(rejected, Reject)
    assert rejected.handler == "handler"


@pytest.mark.parametrize(("count", "after"), [("1", 2), ("2", 4), ("5", 32), ("9", 60), ("x", 2)])
async def test_the_delay_after_an_error_grows_with_the_receive_count(count: str, after: float) -> None:
    app = raising(OSError(), retry=Backoff(base=2, cap=60))

    outcome = await handled_inline(app, sqs({"id": 1}, system={"ApproximateReceiveCount": count}))

    assert outcome == Retry(after)


async def test_the_delay_is_drawn_at_random() -> None:
    async with opened(raising(OSError(), retry=Backoff(base=8)), random=0.25) as dispatcher:
        assert dispatcher.handle_inline(JOB) == Retry(2)


@EITHER_WAY
@pytest.mark.parametrize(
    "body", ["", "not json", '{"id": "x"}', "[" * 10_000, '{"id": NaN}'], ids=lambda body: body[:9]
)
async def test_a_message_that_does_not_fit_is_rejected(run: Run, body: str) -> None:
    app, got = collecting()

    outcome = await run(app, sqs(body))

    assert isinstance(outcome, Reject)
    assert isinstance(outcome.error, ValidationFailed)
    assert outcome.reason.startswith("the message does not fit Job: ")
    assert outcome.handler == "jobs"
    assert got == []


UNDECODABLE: dict[str, object] = {
    "null": None,
    "number": 7,
    "list": list[object](),
    "empty": dict[str, object](),
    "unknown": {"eventSource": "aws:kinesis"},
    "no body": sqs("x") | {"body": None},
    "no object": s3() | {"s3": {}},
    "no change": change() | {"eventName": "?"},
    "a broken neighbour": sqs({"Records": [s3(), {"own": 1}]}),
}


@EITHER_WAY
@pytest.mark.parametrize("record", list(UNDECODABLE.values()), ids=list(UNDECODABLE))
async def test_a_record_that_cannot_be_decoded_is_rejected(run: Run, record: object) -> None:
    app, got = collecting()

    outcome = await run(app, record)

    assert isinstance(outcome, Reject)
    assert got == []


@EITHER_WAY
async def test_an_image_that_is_not_valid_is_rejected(run: Run) -> None:
    app, got = collecting()

    outcome = await run(app, change(new={"id": {"N": "x"}}))
    misfit = await run(app, change(new={"id": {"S": "x"}}))

    assert outcome == Reject("an N attribute holds no number")
    assert isinstance(misfit, Reject)
    assert got == []


@EITHER_WAY
async def test_an_attribute_that_is_not_valid_is_rejected_where_a_condition_looks_at_it(run: Run) -> None:
    app = App("app")
    app.on(jobs.where(attribute("size").above(1)))(ignore)

    outcomes = [await run(app, sized(text)) for text in ("many", "NaN")]

    assert outcomes == [Reject("a message attribute does not hold what its type says")] * 2


@EITHER_WAY
async def test_a_message_that_a_route_cannot_judge_still_reaches_the_others(run: Run) -> None:
    called: list[str] = []
    app = App("app")

    @app.on(jobs, name="first")
    def first(_job: Job) -> None:
        called.append("first")
        raise Retry(after=3)

    app.on(jobs.where(attribute("size").above(1)), name="judge")(ignore)
    app.on(jobs, name="last")(lambda _: called.append("last"))

    outcome = await run(app, sized("many"))

    assert outcome == Retry(3)
    assert called == ["first", "last"]


async def test_a_queue_that_was_seen_before_is_handled_likewise() -> None:
    app = App("app")
    app.on(jobs.where(attribute("size").above(1)))(ignore)

    async with opened(app) as dispatcher:
        inline = [
            dispatcher.handle_inline(record) for record in (sized("9"), sized("many"), sized("0"), sqs("", "jobs"))
        ]
        on_loop = [
            await dispatcher.handle(record) for record in (sized("9"), sized("many"), sized("0"), sqs("", "jobs"))
        ]

    assert [type(outcome) for outcome in inline] == [Done, Reject, Reject, Reject]
    assert inline == on_loop


async def test_what_was_handled_before_does_not_change_what_a_record_is() -> None:
    app, got = collecting()
    odd = JOB | {"eventSource": "aws:kinesis"}

    async with opened(app) as dispatcher:
        dispatcher.handle_inline(JOB)
        await dispatcher.handle(JOB)
        outcomes = [dispatcher.handle_inline(odd), await dispatcher.handle(odd)]

    assert [type(outcome) for outcome in outcomes] == [Reject, Reject]
    assert len(got) == 2


# What no route takes.


@EITHER_WAY
@pytest.mark.parametrize(
    ("record", "outcome"),
    [
        (sqs("x", "other"), Reject("no route takes this Message of sqs:other")),
        (sns("x", "other"), Reject("no route takes this Notification of sns:other")),
        (sqs(notification("x", "other")), Reject("no route takes this Notification of sns:other")),
        (s3(bucket="other"), Done()),
        (sqs({"Records": [s3(bucket="other")]}), Done()),
        (change(table="other"), Done()),
        (TEST_EVENT, Done()),
        (sqs(TEST_EVENT), Done()),
        (sqs({"Records": []}, "other"), Reject("no route takes this Message of sqs:other")),
    ],
    ids=["SQS", "SNS", "SNS in SQS", "S3", "S3 in SQS", "DynamoDB", "test", "test in SQS", "empty Records in SQS"],
)
async def test_messages_that_no_route_takes_are_rejected_and_other_events_ignored(
    run: Run, record: Json, outcome: Outcome
) -> None:
    app, got = collecting()

    assert await run(app, record) == outcome
    assert got == []


@EITHER_WAY
async def test_a_handler_of_unmatched_events_decides_otherwise(run: Run) -> None:
    got: list[AwsEvent] = []
    app, _ = collecting()

    @app.unmatched
    def handle(unmatched: Unmatched) -> None:
        got.append(unmatched.event)
        if unmatched.event.service == "s3":
            raise Reject("nobody knows this bucket")

    message = await run(app, sqs("x", "other"))
    notified = await run(app, s3(bucket="other"))
    matched = await run(app, JOB)
    test_event = await run(app, TEST_EVENT)

    assert (message, matched, test_event) == (Done(), Done(), Done())
    assert notified == Reject("nobody knows this bucket")
    assert [event.resource_name for event in got] == ["other", "other"]


async def test_a_handler_of_unmatched_events_may_be_async_and_get_the_delivery() -> None:
    got: list[str] = []
    app = App("app")

    @app.unmatched
    async def handle(_unmatched: Unmatched, delivery: Delivery) -> None:
        got.append(delivery.handler)

    assert await handled(app, s3()) == Done()
    assert len(got) == 1


# Several of something.


@EITHER_WAY
@pytest.mark.parametrize(
    ("errors", "outcome"),
    [
        ((None, None), Done()),
        ((None, Retry(3)), Retry(3)),
        ((Retry(3), Retry(9), Retry(5)), Retry(9)),
        ((Reject("no"), Retry(3)), Retry(3)),
        ((Retry(3), Reject("no")), Retry(3)),
        ((Reject("no"), None), Reject("no")),
        ((OSError(), Retry(0)), Retry(1)),
    ],
    ids=repr,
)
async def test_several_routes_of_one_record_make_one_outcome(
    run: Run, errors: tuple[Exception | None, ...], outcome: Outcome
) -> None:
    called: list[int] = []
    app = App("app")
    for number, error in enumerate(errors):

        @app.on(jobs, name=str(number))
        def handle(_job: Job, number: int = number, error: Exception | None = error) -> None:
            called.append(number)
            if error is not None:
                raise error

    assert await run(app, JOB) == outcome
    assert called == list(range(len(errors)))


@EITHER_WAY
async def test_one_failing_nested_record_fails_its_outer_message_once(run: Run) -> None:
    got: list[str] = []
    app = App("app")

    @app.on(photos.created())
    def handle(photo: ObjectCreated) -> None:
        got.append(photo.key)
        if photo.key == "bad":
            raise Retry(after=7)

    outcome = await run(app, sqs(notification({"Records": [s3("bad"), s3("good"), s3("bad")]})))

    assert outcome == Retry(7)
    assert got == ["bad", "good", "bad"]


@EITHER_WAY
async def test_a_bad_record_does_not_touch_its_neighbours(run: Run) -> None:
    app, got = collecting()

    outcomes = [await run(app, record) for record in (JOB, sqs("x"), sqs({"id": 2}))]

    assert [type(outcome) for outcome in outcomes] == [Done, Reject, Done]
    assert got == [Job(id=1), Job(id=2)]


# Middleware.


def layer(name: str, log: list[str]) -> Callable[[Delivery, CallNext], Awaitable[Outcome]]:
    async def middleware(delivery: Delivery, call_next: CallNext) -> Outcome:
        log.append(f"{name} before {delivery.handler}")
        outcome = await call_next(delivery)
        log.append(f"{name} after {outcome!r}")
        return outcome

    return middleware


async def test_middleware_lies_around_the_handler_the_first_one_outermost() -> None:
    log: list[str] = []
    app = App("app", middleware=[layer("one", log), layer("two", log)])

    @app.on(jobs, name="handler")
    def handle(_job: Job) -> None:
        log.append("handled")

    async with opened(app, middleware=(layer("runtime", log),)) as dispatcher:
        assert not dispatcher.inline
        outcome = await dispatcher.handle(JOB)

    assert outcome == Done()
    assert log == [
        "runtime before handler",
        "one before handler",
        "two before handler",
        "handled",
        "two after Done()",
        "one after Done()",
        "runtime after Done()",
    ]


async def test_middleware_sees_what_the_handler_raised_as_an_outcome() -> None:
    seen: list[Outcome] = []
    error = OSError()

    async def watch(delivery: Delivery, call_next: CallNext) -> Outcome:
        seen.append(await call_next(delivery))
        return seen[-1]

    app = App("app", middleware=[watch])

    @app.on(jobs)
    def handle(job: Job) -> None:
        raise error if job.id == 1 else Reject("no")

    await handled(app, JOB)
    await handled(app, sqs({"id": 2}))

    assert seen == [Retry(), Reject("no")]
    assert isinstance(seen[0], Retry)
    assert seen[0].error is error


@pytest.mark.parametrize(
    ("decided", "outcome"),
    [(Done(), Done()), (Retry(3), Retry(3)), (Retry(), Retry(1)), (Reject("no"), Reject("no"))],
    ids=repr,
)
async def test_middleware_decides_the_outcome(decided: Outcome, outcome: Outcome) -> None:
    async def decide(delivery: Delivery, call_next: CallNext) -> Outcome:
        await call_next(delivery)
        return decided

    app = App("app", middleware=[decide])

    @app.on(jobs)
    def handle(_job: Job) -> None:
        raise OSError

    assert await handled(app, JOB) == outcome


@pytest.mark.parametrize(
    ("error", "outcome"), [(OSError(), Retry(1)), (Retry(3), Retry(3)), (Reject("no"), Reject("no"))], ids=repr
)
async def test_middleware_that_raises_is_treated_as_a_handler_that_does(error: Exception, outcome: Outcome) -> None:
    async def fail(_delivery: Delivery, _call_next: CallNext) -> Outcome:
        raise error

    app = App("app", middleware=[fail])
    app.on(jobs)(ignore)

    assert await handled(app, JOB) == outcome


@pytest.mark.parametrize("record", [JOB, s3(), change()], ids=["queue", "bucket", "table"])
async def test_middleware_that_forgets_the_outcome_loses_nothing(record: Json) -> None:
    async def forget(delivery: Delivery, call_next: CallNext) -> None:
        await call_next(delivery)

    careless: Any = forget
    app = App("app", middleware=[careless])
    app.on(jobs | photos.any() | todos.inserted(), name="it")(ignore)

    outcome = await handled(app, record)

    assert isinstance(outcome, Retry)
    assert isinstance(outcome.error, RouteError)
    assert (
        str(outcome.error) == "a middleware of it returned a NoneType, which is no outcome: return what call_next gives"
    )


# Limits.


async def test_an_attempt_that_takes_too_long_is_retried() -> None:
    ended: list[str] = []
    app = App("app")

    @app.on(jobs, timeout=0.001)
    async def handle(_job: Job) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cancelled")

    outcome = await handled(app, JOB)

    assert outcome == Retry(1)
    assert isinstance(outcome, Retry)
    assert isinstance(outcome.error, TimeoutError)
    assert ended == ["cancelled"]


async def test_the_runtime_is_told_how_long_a_plain_function_may_take() -> None:
    blocking = AtOnce()
    app = App("app")
    app.on(jobs, timeout=5)(ignore)

    async with opened(app, blocking=blocking) as dispatcher:
        outcome = await dispatcher.handle(JOB)

    assert outcome == Done()
    assert blocking.timeouts == [5]


async def test_no_more_deliveries_of_a_route_run_at_once_than_it_allows() -> None:
    running: list[int] = [0]
    most: list[int] = []
    app = App("app")

    @app.on(jobs, concurrency=3)
    async def handle(_job: Job) -> None:
        running[0] += 1
        most.append(running[0])
        await asyncio.sleep(0)
        running[0] -= 1

    async with opened(app) as dispatcher:
        assert dispatcher.concurrency == 3
        outcomes = await asyncio.gather(*(dispatcher.handle(JOB) for _ in range(10)))

    assert outcomes == [Done()] * 10
    assert max(most) == 3


async def test_a_slot_is_free_again_whatever_the_handler_raised() -> None:
    errors: list[BaseException] = [OSError(), SystemExit(), asyncio.CancelledError(), Retry(0), Reject("no")]
    app = App("app")

    @app.on(jobs, concurrency=1, timeout=60)
    async def handle(_job: Job) -> None:
        if errors:
            raise errors.pop()

    async with opened(app) as dispatcher:
        outcomes = [await dispatcher.handle(JOB) for _ in range(6)]

    assert [type(outcome) for outcome in outcomes] == [Reject, Retry, Retry, Retry, Retry, Done]


async def test_the_deadline_reaches_the_handler() -> None:
    got: list[float | None] = []
    app = App("app")

    @app.on(jobs)
    def handle(_job: Job, delivery: Delivery) -> None:
        got.append(delivery.deadline.remaining() if delivery.deadline else None)

    async with opened(app) as dispatcher:
        await dispatcher.handle(JOB, Deadline(30, lambda: 10))
        dispatcher.handle_inline(JOB, Deadline(5, lambda: 10))
        dispatcher.handle_inline(JOB)

    assert got == [20, 0, None]


# Publishing what a handler returns.


@pytest.mark.parametrize(
    ("returned", "sent"),
    [
        (Job(id=1), [JSON_OF_JOB]),
        ([Job(id=1), Job(id=1)], [JSON_OF_JOB] * 2),
        ((Job(id=1),), [JSON_OF_JOB]),
        ([], []),
        (None, []),
    ],
    ids=repr,
)
@pytest.mark.parametrize("destination", [jobs, posts], ids=str)
async def test_what_a_handler_returns_is_sent(
    destination: Queue[Job] | Topic[Job],
    returned: Any,  # noqa: ANN401 - one, several or none
    sent: list[str],
) -> None:
    outbox = Outbox()
    app = App("app")

    @app.on(photos.created(), to=destination)
    def handle(_photo: ObjectCreated) -> Any:  # noqa: ANN401 - likewise
        return returned

    outcome = await handled(app, s3(), publisher=outbox)

    assert outcome == Done()
    assert outbox.sent == [(destination.kind, destination.name, text) for text in sent]


async def test_a_message_is_sent_before_the_event_is_done_and_within_the_middleware() -> None:
    log: list[str] = []
    app = App("app", middleware=[layer("middleware", log)])

    @app.on(photos.created(), to=jobs, name="handler")
    async def handle(_photo: ObjectCreated) -> Job:
        log.append("handled")
        return Job(id=1)

    await handled(app, s3(), publisher=Outbox(log))

    assert log == ["middleware before handler", "handled", "published", "middleware after Done()"]


async def test_a_message_that_could_not_be_sent_is_retried() -> None:
    error = BackendError("throttled")
    app = App("app")

    @app.on(photos.created(), to=jobs)
    async def handle(_photo: ObjectCreated) -> Job:
        return Job(id=1)

    outcome = await handled(app, s3(), publisher=Outbox(failure=error))

    assert outcome == Retry(1)
    assert isinstance(outcome, Retry)
    assert outcome.error is error


async def test_a_message_is_sent_to_the_configured_name() -> None:
    outbox = Outbox()
    app = App("app")

    @app.on(photos.created(), to=jobs)
    async def handle(_photo: ObjectCreated) -> Job:
        return Job(id=1)

    await handled(app, s3(), publisher=outbox, names=Names("app", {"QUEUE_JOBS": arn("sqs", "prod-jobs")}))

    assert outbox.sent == [("queue", arn("sqs", "prod-jobs"), JSON_OF_JOB)]


async def test_without_a_publisher_a_message_is_not_lost() -> None:
    app = App("app")

    @app.on(photos.created(), to=jobs)
    def handle(_photo: ObjectCreated) -> Job:
        return Job(id=1)

    outcome = await handled(app, s3())

    assert isinstance(outcome, Retry)
    assert isinstance(outcome.error, ConfigurationError)


# Without an event loop.


async def later(_job: Job) -> None: ...


def anything(_job: Job) -> Any: ...  # noqa: ANN401 - what a destination takes


async def through(delivery: Delivery, call_next: CallNext) -> Outcome:
    return await call_next(delivery)


@pytest.mark.parametrize(
    ("app", "handler", "options"),
    [
        (App("app"), later, {}),
        (App("app", middleware=[through]), ignore, {}),
        (App("app"), ignore, {"timeout": 5}),
        (App("app"), ignore, {"concurrency": 5}),
        (App("app"), anything, {"to": jobs}),
    ],
    ids=["async", "middleware", "timeout", "concurrency", "to"],
)
async def test_only_an_app_of_plain_functions_runs_without_a_loop(
    app: App, handler: Callable[..., object], options: dict[str, object]
) -> None:
    register(app, jobs, handler, **options)

    async with opened(app) as dispatcher:
        assert not dispatcher.inline


async def test_a_plain_function_that_returns_something_to_await_is_not_called_done() -> None:
    app = App("app")

    class Later:
        def __await__(self) -> Any:  # noqa: ANN401 - awaited by nobody
            raise AssertionError

    app.on(jobs)(lambda _: Later())

    async with opened(app) as dispatcher:
        outcome = dispatcher.handle_inline(JOB)

    assert isinstance(outcome, Retry)
    assert "is a plain function and returned something to await" in str(outcome.error)


async def test_a_plain_function_may_return_anything_else() -> None:
    app = App("app")
    app.on(jobs)(lambda _: {"batchItemFailures": ["everything"]})

    assert await handled_inline(app, JOB) == Done()


# Logging.


@pytest.mark.parametrize(
    ("error", "message", "facts"),
    [
        (OSError("secret"), "delivery.retry", {"after": 1, "error": "OSError", "attempt": 1}),
        (Reject("no"), "delivery.reject", {"reason": "no", "attempt": 1}),
    ],
    ids=repr,
)
async def test_what_is_not_done_is_logged_with_its_facts(
    caplog: pytest.LogCaptureFixture, error: Exception, message: str, facts: Mapping[str, object]
) -> None:
    await handled_inline(raising(error), JOB)

    (record,) = caplog.records
    assert record.getMessage() == message
    assert record.name == "eventkit"
    assert vars(record)["handler"] == "handler"
    assert vars(record)["id"] == JOB["messageId"]
    assert {name: vars(record)[name] for name in facts} == facts


async def test_what_is_ignored_is_logged_as_information(caplog: pytest.LogCaptureFixture) -> None:
    app, _ = collecting()

    with caplog.at_level(logging.INFO, "eventkit"):
        await handled_inline(app, s3(bucket="other"))
        await handled_inline(app, TEST_EVENT)
        await handled_inline(app, JOB)

    assert [record.getMessage() for record in caplog.records] == ["event.ignored", "event.test"]


# Origins come from outside.


async def test_ten_thousand_origins_do_not_fill_the_memory() -> None:
    app, got = collecting()

    async with opened(app) as dispatcher:
        for number in range(10_000):
            dispatcher.handle_inline(raw(s3(bucket=f"bucket-{number}")))
        remembered = [len(known) for known in cast("Any", dispatcher)._inline._known.values()]
        outcome = dispatcher.handle_inline(s3())

    assert max(remembered) <= 1024
    assert outcome == Done()
    assert len(got) == 1


@EITHER_WAY
@pytest.mark.parametrize("outcome", [Retry(after=5), Reject("not for us")], ids=repr)
async def test_an_outcome_that_a_handler_returns_counts_as_if_it_were_raised(run: Run, outcome: Outcome) -> None:
    app = App("app")

    @app.on(jobs)
    def handle(_job: Job) -> Outcome:
        return outcome

    assert await run(app, JOB) == outcome


@pytest.mark.parametrize("outcome", [Retry(after=5), Reject("not for us")], ids=repr)
async def test_an_outcome_that_an_async_handler_returns_counts_too(outcome: Outcome) -> None:
    app = App("app")

    @app.on(jobs)
    async def handle(_job: Job) -> Outcome:
        return outcome

    assert await handled(app, JOB) == outcome


async def test_what_nobody_misses_is_counted() -> None:
    async with opened(App("app")) as dispatcher:
        for record in (TEST_EVENT, s3(), change("INSERT", new=todo(1, "open"))):
            dispatcher.handle_inline(record)
            await dispatcher.handle(record)

        assert dispatcher.passed_over == {"test": 2, "ignored": 4}


@EITHER_WAY
async def test_a_route_takes_an_event_once_whichever_of_its_sources_match(run: Run) -> None:
    got: list[object] = []
    app = App("app")
    app.on(photos.created(prefix="a") | photos.created(suffix=".jpg") | photos.any(), name="photos")(got.append)

    outcome = await run(app, s3("a.jpg"))

    assert outcome == Done()
    assert len(got) == 1
