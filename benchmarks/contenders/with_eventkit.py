"""The work with eventkit, as users write it: a handler, a route, and the function that Lambda calls."""

from collections.abc import Callable, Sequence
from typing import Annotated

from benchmarks.contenders import Invoke, Take
from benchmarks.payloads import Order, Todo
from eventkit import (
    App,
    Backoff,
    Bucket,
    CallNext,
    Delivery,
    Depends,
    Middleware,
    Modified,
    ObjectCreated,
    Outcome,
    Queue,
    Source,
    Table,
    Topic,
)
from eventkit_lambda import LambdaHandler

__all__ = [
    "dynamodb",
    "dynamodb_async",
    "order_async",
    "order_async_with_delivery",
    "order_async_with_dependency",
    "order_sync",
    "order_with_delivery",
    "order_with_dependency",
    "orders",
    "pass_on",
    "photo_async",
    "photo_sync",
    "photos",
    "placed",
]

orders = Queue[Order]("orders")
placed = Topic[Order]("placed")
photos = Bucket("photos")
todos = Table[Todo]("todos")


async def pass_on(delivery: Delivery, call_next: CallNext) -> Outcome:
    """A middleware that does nothing."""
    return await call_next(delivery)


def currency() -> str:
    """A dependency."""
    return "EUR"


def order_sync(
    source: Source[Order],
    *,
    middleware: Sequence[Middleware] = (),
    retry: Backoff | None = None,
    timeout: float | None = None,
) -> Callable[[Take], Invoke]:
    """A plain function that takes orders."""

    def build(take: Take) -> Invoke:
        app = App("shop", middleware=middleware)

        @app.on(source, retry=retry, timeout=timeout)
        def on_order(order: Order) -> None:
            take(order)

        return LambdaHandler(app)

    return build


def order_async(
    source: Source[Order],
    *,
    middleware: Sequence[Middleware] = (),
    retry: Backoff | None = None,
    timeout: float | None = None,
    concurrency: int | None = None,
) -> Callable[[Take], Invoke]:
    """A coroutine function that takes orders; in order, unless `concurrency` says otherwise."""

    def build(take: Take) -> Invoke:
        app = App("shop", middleware=middleware)

        @app.on(source, retry=retry, timeout=timeout, concurrency=concurrency)
        async def on_order(order: Order) -> None:
            take(order)

        return LambdaHandler(app)

    return build


def order_with_delivery(take: Take) -> Invoke:
    """A plain function that wants the delivery."""
    app = App("shop")

    @app.on(orders)
    def on_order(order: Order, delivery: Delivery) -> None:  # noqa: ARG001 - what it costs to be given
        take(order)

    return LambdaHandler(app)


def order_with_dependency(take: Take) -> Invoke:
    """A plain function that wants a value made for each delivery."""
    app = App("shop")

    @app.on(orders)
    def on_order(order: Order, money: Annotated[str, Depends(currency)]) -> None:  # noqa: ARG001 - as above
        take(order)

    return LambdaHandler(app)


def order_async_with_delivery(take: Take) -> Invoke:
    """A coroutine function that wants the delivery."""
    app = App("shop")

    @app.on(orders)
    async def on_order(order: Order, delivery: Delivery) -> None:  # noqa: ARG001 - as above
        take(order)

    return LambdaHandler(app)


def order_async_with_dependency(take: Take) -> Invoke:
    """A coroutine function that wants a value made for each delivery."""
    app = App("shop")

    @app.on(orders)
    async def on_order(order: Order, money: Annotated[str, Depends(currency)]) -> None:  # noqa: ARG001 - as above
        take(order)

    return LambdaHandler(app)


def photo_sync(source: Source[ObjectCreated]) -> Callable[[Take], Invoke]:
    """A plain function that takes new objects."""

    def build(take: Take) -> Invoke:
        app = App("shop")

        @app.on(source)
        def on_photo(photo: ObjectCreated) -> None:
            take(photo.bucket, photo.key)

        return LambdaHandler(app)

    return build


def photo_async(source: Source[ObjectCreated]) -> Callable[[Take], Invoke]:
    """A coroutine function that takes new objects."""

    def build(take: Take) -> Invoke:
        app = App("shop")

        @app.on(source)
        async def on_photo(photo: ObjectCreated) -> None:
            take(photo.bucket, photo.key)

        return LambdaHandler(app)

    return build


def dynamodb(take: Take) -> Invoke:
    """A plain function that takes changed items."""
    app = App("shop")

    @app.on(todos.modified())
    def on_change(change: Modified[Todo]) -> None:
        take(change.old, change.new)

    return LambdaHandler(app)


def dynamodb_async(take: Take) -> Invoke:
    """A coroutine function that takes changed items."""
    app = App("shop")

    @app.on(todos.modified())
    async def on_change(change: Modified[Todo]) -> None:
        take(change.old, change.new)

    return LambdaHandler(app)
