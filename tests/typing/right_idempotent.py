# pyright: strict
"""Keys of idempotent routes that are right: both type checkers must say nothing, and importing must raise nothing."""

from pydantic import BaseModel

from eventkit import App, Idempotent, Inserted, Modified, ObjectCreated

from .shared import Edited, Order, Todo, edits, orders, photos, posts, todos

app = App("app")


def by_id(order: Order) -> int:
    return order.id


def by_any_id(model: BaseModel) -> object:
    return getattr(model, "id", None)


app.on(orders, idempotent=Idempotent(by_id), name="by a function")(print)
app.on(orders, idempotent=Idempotent(by_any_id), name="by a function of more")(print)
app.on(posts, idempotent=Idempotent(key=lambda post: (type(post).__name__, post.id)), name="of a union")(print)


@app.on(orders, idempotent=Idempotent(key=lambda order: order.id, ttl=60, in_progress=5))
async def work(_order: Order) -> None: ...


@app.on(photos.created(), to=edits, idempotent=Idempotent(key=lambda photo: (photo.bucket, photo.key)))
def plan(_photo: ObjectCreated) -> Edited:
    return Edited(id=1)


@app.on(todos.inserted() | todos.modified(), idempotent=Idempotent(key=lambda change: change.new.id))
def changed(_change: Inserted[Todo] | Modified[Todo]) -> None: ...


kept: Idempotent[Order] = Idempotent[BaseModel](by_any_id)
app.on(orders, idempotent=kept, name="kept")(print)
