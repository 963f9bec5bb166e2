# pyright: strict
"""Handlers that are right: both type checkers must say nothing, and importing must raise nothing."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Annotated, assert_type

from eventkit import (
    App,
    AwsEvent,
    Backoff,
    Bus,
    BusEvent,
    ByField,
    CallNext,
    Change,
    Delivery,
    Depends,
    Destination,
    Inserted,
    KinesisRecord,
    Modified,
    ObjectCreated,
    ObjectEvent,
    ObjectRemoved,
    Outcome,
    Removed,
    Router,
    Sender,
    Source,
    Start,
    Stream,
    StreamOptions,
    Table,
    To,
    Unmatched,
    attribute,
    decode,
    key,
    new,
    partition_key,
)
from eventkit.cloudevents import CloudEvent, CloudEvents
from eventkit.testing import TestApp

from .shared import (
    Created,
    Edited,
    Order,
    SpecialEdited,
    State,
    Todo,
    changes,
    clicks,
    edits,
    lifespan,
    orders,
    photos,
    posts,
    shop,
    texts,
    todos,
)


async def through(delivery: Delivery, call_next: CallNext) -> Outcome:
    return await call_next(delivery)


app = App("app", lifespan=lifespan, middleware=[through])


# Each kind of source, sync and async.


@app.on(todos.inserted())
async def inserted(change: Inserted[Todo]) -> None:
    assert_type(change.new, Todo)


@app.on(todos.modified())
def modified(change: Modified[Todo]) -> None:
    assert_type(change.old, Todo)
    assert_type(change.new, Todo)


@app.on(todos.removed())
def removed(change: Removed[Todo]) -> None:
    assert_type(change.old, Todo)


@app.on(todos.changed())
def changed(change: Inserted[Todo] | Modified[Todo] | Removed[Todo]) -> None:
    match change:
        case Inserted():
            assert_type(change.new, Todo)
        case Modified():
            assert_type(change.old, Todo)
        case Removed():
            assert_type(change.old, Todo)


@app.on(photos.created("Put", "Copy", prefix="uploads/", suffix=(".jpg", ".png")))
def created(photo: ObjectCreated) -> None:
    assert_type(photo.size, int | None)


@app.on(orders, retry=Backoff(base=2), timeout=30, concurrency=4, name="orders")
async def order(order: Order) -> None:
    assert_type(order.id, int)


@app.on(texts)
def text(_text: str) -> None: ...


@app.on(posts)
def post(post: Created | Edited) -> None:
    assert_type(post.id, int)


@app.on(posts.of(Edited))
def edited(post: Edited) -> None:
    assert_type(post, Edited)


@app.on(posts.of(Created, Edited), name="both")
def created_or_edited(_post: Created | Edited) -> None: ...


@app.on(shop)
def shopped(event: Created | Edited) -> None:
    assert_type(event, Created | Edited)


@app.on(shop.of(Edited), name="edited in the shop")
async def edited_in_the_shop(event: Edited, delivery: Delivery) -> None:
    assert_type(event, Edited)
    assert isinstance(delivery.source, BusEvent)


@app.on(clicks)
def clicked(click: Created | Edited) -> None:
    assert_type(click, Created | Edited)


@app.on(clicks.of(Edited).where(partition_key.startswith("eu-")), name="edited in the stream")
async def edited_in_the_stream(click: Edited, delivery: Delivery) -> None:
    assert_type(click, Edited)
    assert isinstance(delivery.source, KinesisRecord)
    assert_type(delivery.source.data, bytes)
    assert_type(delivery.source.subsequence_number, int | None)


@app.on(Stream[bytes]("frames"))
def frame(data: bytes) -> None:
    assert_type(data, bytes)


# How a stream is consumed.


def customer_of(change: Change[object]) -> object:
    return change.keys["customer"]


latest = StreamOptions(Start.LATEST, batch=10, window=1, retries=3, max_age=3600, bisect=False, parallel=2)
by_customer = Table[Order]("by-customer", stream=latest, order_by=lambda change: change.keys["customer"])
by_function = Table[Order]("by-function", order_by=customer_of, strict=False)
by_nothing = Table[Order]("by-nothing", order_by=None)
by_key = Stream[Edited]("by-key", order_by=lambda record: (record.partition_key, record.shard))
by_kind = Stream[Created | Edited]("by-kind", types=ByField("kind"), stream=latest)
enveloped = Stream[CloudEvent[Edited]]("enveloped", types=CloudEvents(), order_by=KinesisRecord.__repr__)


@app.on(by_customer.inserted())
def inserted_by_customer(change: Inserted[Order]) -> None:
    assert_type(change.new, Order)


# A handler may take more than its source gives.


@app.on(todos.inserted())
def any_change(_change: Change[Todo]) -> None: ...


@app.on(photos.created())
def any_object(_event: ObjectEvent) -> None: ...


@app.on(photos.created() | photos.removed())
def any_event(_event: AwsEvent) -> None: ...


@app.on(orders)
def anything(_event: object) -> None: ...


@app.on(edits)
def wider(_post: Created | Edited | None) -> None: ...


# Sources combine and narrow.


@app.on(photos.created() | photos.removed() | orders)
def several(event: ObjectCreated | ObjectRemoved | Order) -> None:
    assert_type(event, ObjectCreated | ObjectRemoved | Order)


@app.on(posts.where(attribute("type").equals("created", "edited") & attribute("price").at_least(100)))
def expensive(_post: Created | Edited) -> None: ...


@app.on(todos.modified().where(new("status").becomes("active") | ~key.exists()))
def active(_change: Modified[Todo]) -> None: ...


def combined(some: Source[Order]) -> Source[Order | ObjectCreated]:
    return some | photos.created()


# Injection.


def mailer(state: State) -> str:
    return state.name


async def client(name: Annotated[str, Depends(mailer, scope="app")]) -> AsyncGenerator[str]:
    yield name


def transaction(_delivery: Delivery) -> Iterator[int]:
    yield 1


@app.on(orders, name="injected")
async def injected(
    order: Order,
    delivery: Delivery,
    state: State,
    mail: Annotated[str, Depends(client, scope="app")],
    number: Annotated[int, Depends(transaction)],
    news: Annotated[Sender[Created | Edited], To(posts)],
    limit: int = 7,
) -> None:
    assert_type(delivery.attempt, int)
    assert_type(state, State)
    await news.send(Created(id=order.id + number + limit), Edited(id=len(mail)), group="g")


# What a handler returns is sent.


@app.on(photos.created(), to=edits)
async def one(_photo: ObjectCreated) -> Edited:
    return Edited(id=1)


@app.on(photos.created(), to=edits)
def perhaps(_photo: ObjectCreated) -> Edited | None:
    return None


@app.on(photos.created(), to=edits)
async def many(_photo: ObjectCreated) -> list[Edited]:
    return []


@app.on(photos.created(), to=edits)
def sequence(_photo: ObjectCreated) -> Sequence[Edited] | None:
    return None


@app.on(photos.created(), to=edits)
def narrower(_photo: ObjectCreated) -> SpecialEdited:
    return SpecialEdited(id=1)


@app.on(photos.created(), to=posts)
def either(_photo: ObjectCreated) -> Created | Edited:
    return Created(id=1)


@app.on(orders, to=posts, name="member")
async def member(order: Order, _delivery: Delivery) -> Created:
    return Created(id=order.id)


@app.on(orders, to=changes, name="to a bus")
async def to_a_bus(order: Order) -> list[Edited]:
    return [Edited(id=order.id)]


@app.on(orders, to=shop, name="member to a bus")
def member_to_a_bus(_order: Order) -> SpecialEdited | None:
    return None


@app.on(orders, name="sender of a bus")
async def sender_of_a_bus(order: Order, events: Annotated[Sender[Created | Edited], To(shop)]) -> None:
    await events.send(Created(id=order.id), attributes={"tenant": "t", "size": 1, "digest": b"x"})


destination: Destination[Edited] = posts
event_bus: Destination[Edited] = shop
untyped: Bus[dict[str, int]] = Bus[dict[str, int]]("counts", types=None)

# Handlers stay what they are.

plain: Callable[[str], None] = text
same: Callable[[ObjectCreated], Edited | Sequence[Edited] | None] = perhaps


class Handler:
    def __call__(self, _order: Order, _delivery: Delivery) -> None: ...

    async def method(self, _order: Order) -> int:
        return 1


app.on(orders, name="instance")(Handler())
app.on(orders, name="method")(Handler().method)
app.on(orders, name="lambda")(lambda order: order.id)

router = Router(middleware=[through])


@router.on(orders, name="of the router")
def routed(_order: Order) -> None: ...


app.include(router)


@app.unmatched
async def unmatched(event: Unmatched, delivery: Delivery) -> None:
    assert_type(event.event, AwsEvent)
    assert_type(delivery.path, tuple[str, ...])


for event in decode({"Records": []}).events:
    assert_type(event, AwsEvent)


def look_at(t: TestApp) -> None:
    t.send(posts, Created(id=1), Edited(id=2), attributes={"number": 5})
    t.change(todos, new=Todo(id=1), old=Todo(id=2))
    t.put_records(clicks, Created(id=1), Edited(id=2), key="ada")
    t.via("sns", "sqs").upload(photos, "cat.jpg")
    assert_type(t.published(posts), list[Created | Edited])
