# pyright: strict
"""Event types, versions and CloudEvents that are right: both type checkers must say nothing."""

from typing import Annotated, ClassVar, assert_type

from pydantic import BaseModel

from eventkit import App, Queue, Sender, Source, To, Topic
from eventkit.cloudevents import CloudEvent, CloudEvents
from eventkit.discriminators import ByAttribute, ByField

from .shared import Created, Edited, Order


class Placed(BaseModel):
    event_type: ClassVar[str] = "shop.placed"
    event_version: ClassVar[int] = 2
    total: int


class PlacedV1(BaseModel):
    total: str


def from_v1(old: PlacedV1) -> Placed:
    return Placed(total=int(old.total))


placed = Queue[Placed | Order]("placed", types=ByAttribute("type", version="version"), upcasters=[from_v1])
posts = Topic[Created | Edited]("told-apart", types=ByField("kind"), strict=False)
events = Queue[CloudEvent[Created | Edited]]("events", types=CloudEvents("/blog", "binary"))

app = App("app")


@app.on(placed)
def handle(event: Placed | Order) -> None:
    assert_type(event, Placed | Order)


@app.on(placed.of(Placed))
def only_placed(event: Placed) -> None:
    assert_type(event.total, int)


@app.on(events)
async def with_context(event: CloudEvent[Created | Edited], out: Annotated[Sender[Placed], To(placed)]) -> None:
    assert_type(event.data, Created | Edited)
    assert_type(event.subject, str | None)
    await out.send(Placed(total=1))


@app.on(placed.of(Order), to=events)
def answer(order: Order) -> CloudEvent[Created | Edited]:
    return CloudEvent(id="1", source="/blog", type="Created", data=Created(id=order.id))


some: Source[Created | Edited] = posts
