# pyright: strict
"""Handlers that are wrong: each line marked `error` must be reported by both type checkers, and no other.

Calling the function that holds it must raise what its docstring says, which is what happens at import time.
"""

from eventkit import (
    App,
    AwsEvent,
    ByAttribute,
    Delivery,
    Inserted,
    KinesisRecord,
    Modified,
    ObjectCreated,
    ObjectEvent,
    ObjectRemoved,
    Removed,
    Stream,
)
from .shared import (
    Created,
    Edited,
    Order,
    SpecialEdited,
    Todo,
    changes,
    clicks,
    edits,
    orders,
    photos,
    posts,
    shop,
    texts,
    todos,
)

app = App("app")


def another_item() -> None:
    """RouteError: handle takes Inserted[Order], and its source gives Inserted[Todo]"""

    @app.on(todos.inserted())  # error
    async def handle(_change: Inserted[Order]) -> None: ...


def another_change() -> None:
    """RouteError: handle takes Removed[Todo], and its source gives Inserted[Todo]"""

    @app.on(todos.inserted())  # error
    def handle(_change: Removed[Todo]) -> None: ...


def the_item_instead_of_the_change() -> None:
    """RouteError: handle takes Todo, and its source gives Inserted[Todo]"""

    @app.on(todos.inserted())  # error
    def handle(_todo: Todo) -> None: ...


def a_forgotten_change() -> None:
    """RouteError: handle takes Inserted[Todo] | Modified[Todo], and its source gives Removed[Todo]"""

    @app.on(todos.changed())  # error
    def handle(_change: Inserted[Todo] | Modified[Todo]) -> None: ...


def another_message() -> None:
    """RouteError: handle takes Todo, and its source gives Order"""

    @app.on(orders)  # error
    async def handle(_order: Todo) -> None: ...


def a_forgotten_member_of_a_union() -> None:
    """RouteError: handle takes Created, and its source gives Created | Edited"""

    @app.on(posts)  # error
    def handle(_post: Created) -> None: ...


def the_other_member_of_a_union() -> None:
    """RouteError: handle takes Created, and its source gives Edited"""

    @app.on(posts.of(Edited))  # error
    def handle(_post: Created) -> None: ...


def a_subclass_of_the_message() -> None:
    """RouteError: handle takes SpecialEdited, and its source gives Edited"""

    @app.on(edits)  # error
    def handle(_post: SpecialEdited) -> None: ...


def another_family() -> None:
    """RouteError: handle takes ObjectRemoved, and its source gives ObjectCreated"""

    @app.on(photos.created())  # error
    def handle(_photo: ObjectRemoved) -> None: ...


def a_family_where_any_may_come() -> None:
    """RouteError: handle takes ObjectCreated, and its source gives ObjectEvent"""

    @app.on(photos.any())  # error
    def handle(_photo: ObjectCreated) -> None: ...


def a_forgotten_source() -> None:
    """RouteError: handle takes ObjectCreated, and its source gives Order"""

    @app.on(photos.created() | orders)  # error
    def handle(_event: ObjectCreated) -> None: ...


def an_event_where_a_text_comes() -> None:
    """RouteError: handle takes AwsEvent, and its source gives str"""

    @app.on(texts)  # error
    def handle(_event: AwsEvent) -> None: ...


def no_event() -> None:
    """RouteError: handle takes no event: its first parameter must be the event"""

    @app.on(orders)  # error
    def handle() -> None: ...


def only_keywords() -> None:
    """RouteError: handle takes no event: its first parameter must be the event"""

    @app.on(orders)  # error
    def handle(*, _order: Order) -> None: ...


def the_delivery_first() -> None:
    """RouteError: handle takes Delivery, and its source gives Order"""

    @app.on(orders)  # error
    def handle(_delivery: Delivery, _order: Order) -> None: ...


def another_message_returned() -> None:
    """RouteError: handle returns Order, and queue 'edits' takes Edited"""

    @app.on(photos.created(), to=edits)  # error
    async def handle(_photo: ObjectCreated) -> Order:
        return Order(id=1)


def another_message_returned_by_a_plain_function() -> None:
    """RouteError: handle returns Order, and queue 'edits' takes Edited"""

    @app.on(photos.created(), to=edits)  # error
    def handle(_photo: ObjectCreated) -> Order:
        return Order(id=1)


def other_messages_returned() -> None:
    """RouteError: handle returns Order, and queue 'edits' takes Edited"""

    @app.on(photos.created(), to=edits)  # error
    async def handle(_photo: ObjectCreated) -> list[Order]:
        return []


def too_many_kinds_returned() -> None:
    """RouteError: handle returns Created | Edited, and queue 'edits' takes Edited"""

    @app.on(photos.created(), to=edits)  # error
    def handle(_photo: ObjectCreated) -> Created | Edited:
        return Created(id=1)


def another_event_with_a_destination() -> None:
    """RouteError: handle takes ObjectRemoved, and its source gives ObjectCreated"""

    @app.on(photos.created(), to=edits)  # error
    def handle(_photo: ObjectRemoved) -> Edited:
        return Edited(id=1)


def a_forgotten_event_of_a_bus() -> None:
    """RouteError: handle takes Created, and its source gives Created | Edited"""

    @app.on(shop)  # error
    def handle(_event: Created) -> None: ...


def the_other_event_of_a_bus() -> None:
    """RouteError: handle takes Created, and its source gives Edited"""

    @app.on(shop.of(Edited))  # error
    async def handle(_event: Created) -> None: ...


def a_forgotten_record_of_a_stream() -> None:
    """RouteError: handle takes Created, and its source gives Created | Edited"""

    @app.on(clicks)  # error
    def handle(_click: Created) -> None: ...


def the_other_record_of_a_stream() -> None:
    """RouteError: handle takes Created, and its source gives Edited"""

    @app.on(clicks.of(Edited))  # error
    async def handle(_click: Created) -> None: ...


def the_record_instead_of_the_model() -> None:
    """RouteError: handle takes KinesisRecord, and its source gives Created | Edited"""

    @app.on(clicks)  # error
    def handle(_record: KinesisRecord) -> None: ...


def a_stream_as_destination() -> None:
    """RouteError: Stream('clicks') is no queue, topic or event bus"""

    app.on(orders, to=clicks)(lambda _order: Edited(id=1))  # error


def attributes_of_a_record_of_a_stream() -> None:
    """RouteError: stream 'x': records of Kinesis have no attributes: write types=ByField('kind')"""

    app.on(Stream[Edited]("x", types=ByAttribute("kind")))  # error


def another_event_for_a_bus() -> None:
    """RouteError: handle returns Created, and bus 'changes' takes Edited"""

    @app.on(orders, to=changes)  # error
    async def handle(_order: Order) -> Created:
        return Created(id=1)


def an_unmatched_handler_that_takes_an_event() -> None:
    """RouteError: handle takes ObjectEvent, and its source gives Unmatched"""

    @app.unmatched  # error
    def handle(_event: ObjectEvent) -> None: ...


def a_call_instead_of_a_decorator() -> None:
    """RouteError: handle takes Todo, and its source gives Order"""

    def handle(_order: Todo) -> None: ...

    app.on(orders)(handle)  # error


def a_table_as_destination() -> None:
    """RouteError: Table('todos') is no queue, topic or event bus"""

    app.on(orders, to=todos)(lambda _order: Edited(id=1))  # error


def an_unmatched_handler_without_an_event() -> None:
    """RouteError: handle takes no event: its first parameter must be the event"""

    @app.unmatched  # error
    def handle() -> None: ...
