# pyright: strict
"""Keys of idempotent routes that are wrong: each marked line must be reported by both type checkers, and no other."""

from pydantic import BaseModel

from eventkit import App, Idempotent, ObjectCreated
from .shared import Order, Todo, edits, orders, photos, todos

app = App("app")


def of_a_todo(todo: Todo) -> int:
    return todo.id


app.on(orders, idempotent=Idempotent(of_a_todo))  # error
app.on(orders, idempotent=Idempotent(key=lambda order: order.bucket))  # error
app.on(photos.created(), to=edits, idempotent=Idempotent(key=lambda photo: photo.id_))  # error
app.on(todos.inserted(), idempotent=Idempotent[ObjectCreated](key=lambda photo: photo.key))  # error
app.on(orders, idempotent=Idempotent(key="id"))  # error
app.on(orders, idempotent=lambda order: order.id)  # error

narrower: Idempotent[BaseModel] = Idempotent[Order](key=lambda order: order.id)  # error
