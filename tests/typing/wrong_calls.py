# pyright: strict
"""Calls that are wrong, which only the type checkers can tell beforehand: each marked line, and no other."""

from typing import Annotated, Any

from eventkit import App, Delivery, Done, Inserted, Outcome, Queue, Sender, To, decode
from eventkit.events.s3 import object_event
from .shared import Created, Edited, Order, Todo, edits, orders, photos, posts, todos

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
outcome: Outcome = True  # error


async def returns_nothing(_delivery: Delivery, _call_next: Any) -> None: ...


App("app", middleware=[returns_nothing])  # error


@app.on(orders)
async def send(order: Order, news: Annotated[Sender[Edited], To(edits)]) -> None:
    await news.send(order)  # error
    await news.send(Edited(id=1), group=7)  # error


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
