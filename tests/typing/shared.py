"""What the right and the wrong handlers are written with."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from pydantic import BaseModel

from eventkit import App, Bucket, Bus, Queue, Stream, StreamOptions, Table, Topic


class Todo(BaseModel):
    id: int


class Order(BaseModel):
    id: int


class Created(BaseModel):
    id: int


class Edited(BaseModel):
    id: int


class SpecialEdited(Edited):
    pass


@dataclass
class State:
    name: str


@dataclass
class OtherState:
    name: str


@asynccontextmanager
async def lifespan(_app: App) -> AsyncGenerator[State]:
    yield State("state")


photos = Bucket("photos")
todos = Table[Todo]("todos")
orders = Queue[Order]("orders")
posts = Topic[Created | Edited]("posts")
edits = Queue[Edited]("edits")
texts = Queue[str]("texts")
shop = Bus[Created | Edited]("shop")
changes = Bus[Edited]("changes")
clicks = Stream[Created | Edited]("clicks", stream=StreamOptions(parallel=10))
