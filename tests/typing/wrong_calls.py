# pyright: strict
"""Calls that are wrong, which only the type checkers can tell beforehand: each marked line, and no other."""

from typing import Annotated, Any

from eventkit import App, Delivery, Destination, Done, Inserted, Outcome, Queue, Sender, Stream, Table, To, decode
from eventkit.events.s3 import object_event
from eventkit.testing import TestApp
from .shared import Created, Edited, Order, Todo, changes, clicks, edits, orders, photos, posts, shop, todos

app = App("app")

photos.created("Putt")  # error
photos.removed("Put")  # error
photos.created(prefixes="uploads/")  # error
posts.of("Edited")  # error
app.on(orders, retries=3)  # error
app.on(orders, timeout="soon")  # error
app.on("orders")  # error
todos.updated()  # error
todos.where()  # error

wide: Queue[Created | Edited] = edits  # error
shop.of("Edited")  # error
events: Destination[Created | Edited] = changes  # error
To[Created](changes)  # error
outcome: Outcome = True  # error
clicks.of("Edited")  # error
clicks.encode(Edited(id=1))  # error
streamed: Destination[Edited] = clicks  # error
Stream[Order]("s", stream=10)  # error
Stream[Order]("s", order_by="customer")  # error
Stream[Order]("s", order_by=lambda record: record.keys)  # error
Table[Order]("t", order_by=lambda change: change.partition_key)  # error
Table[Order]("t", order_by=lambda: "customer")  # error


async def returns_nothing(_delivery: Delivery, _call_next: Any) -> None: ...


App("app", middleware=[returns_nothing])  # error


@app.on(orders)
async def send(order: Order, news: Annotated[Sender[Edited], To(edits)]) -> None:
    await news.send(order)  # error
    await news.send(Edited(id=1), group=7)  # error
    await news.send(Edited(id=1), attributes={"tags": ["a"]})  # error


@app.on(todos.inserted())
def look(change: Inserted[Todo]) -> None:
    change.old  # error
    change.new = Todo(id=1)  # error
    change.new.title  # error


event = object_event({})
event.key = "other"  # error
event.size + 1  # error
Done().reason  # error
for found in decode({}).events:
    found.key  # error
send(Order(id=1), 7)  # error
t = TestApp(app)
t.send(orders, Edited(id=1))  # error
t.change(todos, new=Order(id=1))  # error
t.send(todos, Todo(id=1))  # error
t.send(clicks, Created(id=1))  # error
t.put_records(orders, Order(id=1))  # error
t.put_records(clicks, Created(id=1), key=1)  # error
t.upload(orders, "cat.jpg")  # error
